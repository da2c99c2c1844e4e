//! Values that may be absent, `null`, as expected, or of another shape: reading them never fails.
//!
//! One odd object must not fail the page of a list that it is on, and one odd field must not hide the rest of its object.
//! So every field is read through [`Loose`]: whatever stands there is consumed; what does not fit is kept as the sentence
//! that says why. Only broken JSON is still an error.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserialize, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use super::path::{Path, Problems};
use crate::model::field::Field;
use crate::model::intstr::IntOrString;
use crate::model::quantity::Quantity;
use crate::model::text::clip;

/// A field as it stands in the input.
#[derive(Debug, Default)]
pub(super) enum Loose<T> {
    /// Not there, or `null`.
    #[default]
    Absent,
    /// As expected.
    Set(T),
    /// Something else: why it does not fit, for [`Problems`].
    Wrong(Box<str>),
}

/// A string.
pub(super) type Text<'a> = Loose<Cow<'a, str>>;
/// An object with the fields of `T`; others are skipped.
pub(super) type Struct<T> = Loose<Fields<T>>;
/// A list of `T`.
pub(super) type List<T> = Loose<Vec<Loose<T>>>;

/// See [`Struct`].
#[derive(Debug, Default)]
pub(super) struct Fields<T>(pub(super) T);

impl<T> Loose<T> {
    /// The value; what does not fit is noted in `problems` and gone.
    pub(super) fn take(self, path: Path<'_>, problems: &mut Problems) -> Option<T> {
        match self {
            Loose::Absent => None,
            Loose::Set(value) => Some(value),
            Loose::Wrong(why) => {
                problems.add(path, why);
                None
            }
        }
    }

    /// The value as a field of the model; what does not fit is noted in `problems` and `Invalid`.
    pub(super) fn field(self, path: Path<'_>, problems: &mut Problems) -> Field<T> {
        let wrong = matches!(self, Loose::Wrong(_));
        match self.take(path, problems) {
            _ if wrong => Field::Invalid,
            value => value.into(),
        }
    }

    /// The value where nobody asks why it does not fit.
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Loose::Set(value) => Some(value),
            Loose::Absent | Loose::Wrong(_) => None,
        }
    }
}

impl Text<'_> {
    /// The string where it is looked at and not taken.
    pub(super) fn get(&self) -> Option<&str> {
        match self {
            Loose::Set(text) => Some(text),
            Loose::Absent | Loose::Wrong(_) => None,
        }
    }
}

impl<T: Default> Loose<Fields<T>> {
    /// The object; an empty one when it is absent or does not fit.
    pub(super) fn fields(self, path: Path<'_>, problems: &mut Problems) -> T {
        self.take(path, problems).map(|Fields(t)| t).unwrap_or_default()
    }

    /// As [`Loose::fields`], where nobody asks why it does not fit.
    pub(super) fn fields_or_default(self) -> T {
        self.ok().map(|Fields(t)| t).unwrap_or_default()
    }
}

impl<T> Loose<Vec<Loose<T>>> {
    /// The items that fit, each with its place in the list.
    pub(super) fn items(self, path: Path<'_>, problems: &mut Problems) -> Vec<(usize, T)> {
        let items = self.take(path, problems).unwrap_or_default();
        // Neither grown nor shrunk: every pod event comes here, and the allocator is a good part of its cost.
        let mut all = Vec::with_capacity(items.len());
        let fits = |(i, item): (usize, Loose<T>)| Some((i, item.take(path.at(i), problems)?));
        all.extend(items.into_iter().enumerate().filter_map(fits));
        all
    }
}

/// A list or map that is read has fewer items: an object of more would be larger than any API server takes.
pub(super) const MAX_ITEMS: usize = 10_000;
/// Longer than anything that is valid where a message would repeat it (a label's key has up to 317).
pub(super) const MAX_TEXT: usize = 400;
/// How much of a text a message repeats.
pub(super) const MAX_SHOWN: usize = 60;

/// Why a list or map of more than [`MAX_ITEMS`] does not fit.
pub(super) fn too_many() -> String {
    format!("must have fewer than {MAX_ITEMS} items; no API server takes so many")
}

/// A text as a message repeats it.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", clipped(text))
}

/// As much of a text as a message repeats.
pub(super) fn clipped(text: &str) -> String {
    clip(text, MAX_SHOWN)
}

/// What a value became, or why it does not fit; `None` = this is not made of such values.
pub(super) type Read<T> = Option<Result<T, String>>;

/// A type that [`Loose`] can read. Each method reads one of JSON's shapes; those that are not overridden do not fit.
pub(super) trait Shape<'de>: Sized {
    /// What is expected here, with its article: `a string`.
    const EXPECTED: &'static str;

    fn from_text(text: Cow<'de, str>) -> Result<Self, String> {
        Err(format!(
            "must be {}, not the string {:?}",
            Self::EXPECTED,
            clip(&text, 20)
        ))
    }

    fn from_integer(_: i128) -> Read<Self> {
        None
    }

    fn from_float(_: f64) -> Read<Self> {
        None
    }

    fn from_bool(_: bool) -> Read<Self> {
        None
    }

    fn from_null() -> Option<Self> {
        None
    }

    fn from_map<A: MapAccess<'de>>(mut map: A) -> Result<Read<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

fn read<'de, T: Shape<'de>>(read: Read<T>, found: impl fmt::Display) -> Loose<T> {
    match read {
        Some(Ok(value)) => Loose::Set(value),
        Some(Err(why)) => Loose::Wrong(why.into()),
        None => Loose::Wrong(format!("must be {}, not {found}", T::EXPECTED).into()),
    }
}

impl<'de, T: Shape<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(PhantomData))
    }
}

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Shape<'de>> Visitor<'de> for LooseVisitor<T> {
    type Value = Loose<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Loose<T>, E> {
        Ok(T::from_text(Cow::Borrowed(text)).map_or_else(|why| Loose::Wrong(why.into()), Loose::Set))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Loose<T>, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Loose<T>, E> {
        Ok(T::from_text(Cow::Owned(text)).map_or_else(|why| Loose::Wrong(why.into()), Loose::Set))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Loose<T>, E> {
        Ok(read(T::from_bool(value), value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Loose<T>, E> {
        Ok(read(
            T::from_integer(number.into()),
            format_args!("the number {number}"),
        ))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Loose<T>, E> {
        Ok(read(
            T::from_integer(number.into()),
            format_args!("the number {number}"),
        ))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Loose<T>, E> {
        Ok(read(T::from_float(number), format_args!("the number {number}")))
    }

    fn visit_unit<E: Error>(self) -> Result<Loose<T>, E> {
        Ok(T::from_null().map_or(Loose::Absent, Loose::Set))
    }

    fn visit_none<E: Error>(self) -> Result<Loose<T>, E> {
        self.visit_unit()
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Loose<T>, A::Error> {
        Ok(read(T::from_map(map)?, "a map"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Loose<T>, A::Error> {
        Ok(read(T::from_list(list)?, "a list"))
    }
}

impl<'de: 'a, 'a> Shape<'de> for Cow<'a, str> {
    const EXPECTED: &'static str = "a string (put it in quotes)";

    fn from_text(text: Cow<'de, str>) -> Result<Self, String> {
        Ok(text)
    }
}

/// Whole numbers. YAML's `2.0` counts, as it does for kubectl.
macro_rules! whole_number {
    ($number:ty) => {
        impl Shape<'_> for $number {
            const EXPECTED: &'static str = "a whole number";

            fn from_integer(number: i128) -> Read<Self> {
                let out_of_range = |_| {
                    let (least, most) = (<$number>::MIN, <$number>::MAX);
                    format!("must be a whole number from {least} to {most}, not {number}")
                };
                Some(<$number>::try_from(number).map_err(out_of_range))
            }

            fn from_float(number: f64) -> Read<Self> {
                // `as` stops at the bounds of i128, which are out of every range too.
                (number.fract() == 0.0).then(|| Self::from_integer(number as i128))?
            }
        }
    };
}

whole_number!(i32);
whole_number!(i64);

/// A count or a percentage.
impl<'de> Shape<'de> for IntOrString {
    const EXPECTED: &'static str = "a whole number or a percentage such as 25%";

    fn from_text(text: Cow<'de, str>) -> Result<Self, String> {
        Ok(IntOrString::Text(clip(&text, MAX_TEXT).into()))
    }

    fn from_integer(number: i128) -> Read<Self> {
        Some(<i32 as Shape>::from_integer(number)?.map(IntOrString::Int))
    }

    fn from_float(number: f64) -> Read<Self> {
        Some(<i32 as Shape>::from_float(number)?.map(IntOrString::Int))
    }
}

impl Shape<'_> for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_bool(value: bool) -> Read<Self> {
        Some(Ok(value))
    }
}

impl<'de> Shape<'de> for Quantity {
    const EXPECTED: &'static str = "a quantity such as 128Mi";

    fn from_text(text: Cow<'de, str>) -> Result<Self, String> {
        // As the API server's decoder trims: before it looks for escapes, so that a quoted `\n` is no white space.
        let inner = text.trim_matches(|c: char| c.is_whitespace() && !c.is_ascii_control());
        let shown = clip(&text, MAX_SHOWN);
        let read = inner.parse().map_err(|e| match shown.parse::<Quantity>() {
            Err(short) if shown.len() < text.len() => short.to_string(),
            _ => format!("{e}"),
        });
        non_negative(read, &shown)
    }

    fn from_integer(number: i128) -> Read<Self> {
        let text = number.to_string();
        Some(non_negative(text.parse().map_err(|e| format!("{e}")), &text))
    }

    fn from_float(number: f64) -> Read<Self> {
        let read = Quantity::deserialize(number.into_deserializer());
        Some(non_negative(
            read.map_err(|e: serde::de::value::Error| e.to_string()),
            number,
        ))
    }

    /// The API server's decoder stores a `null` in a map of quantities as 0.
    fn from_null() -> Option<Self> {
        Some(Quantity::ZERO)
    }
}

fn non_negative(quantity: Result<Quantity, String>, text: impl fmt::Display) -> Result<Quantity, String> {
    match quantity? {
        q if q.is_negative() => Err(format!("{text} is negative; write 0 or more")),
        q => Ok(q),
    }
}

impl<'de, T: Deserialize<'de>> Shape<'de> for Fields<T> {
    const EXPECTED: &'static str = "a map";

    fn from_map<A: MapAccess<'de>>(map: A) -> Result<Read<Self>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|fields| Some(Ok(Fields(fields))))
    }
}

impl<'de, T: Shape<'de>> Shape<'de> for Vec<Loose<T>> {
    const EXPECTED: &'static str = "a list";

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MAX_ITEMS {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Some(Err(too_many())));
            }
            items.push(item);
        }
        Ok(Some(Ok(items)))
    }
}
