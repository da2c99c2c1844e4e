//! The plane's certificate authority and everything it signs: elliptic-curve keys, made in milliseconds.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::error::{IoContext, Result};

/// Names and addresses that clients reach the API server by. 127.77.0.1 is the `kubernetes` Service.
const SERVER_NAMES: [&str; 6] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "127.0.0.1",
    "127.77.0.1",
];

/// Who a client certificate is for: its file name, user and group.
pub(super) const CLIENTS: [(&str, &str, &str); 5] = [
    ("admin", "admin", "system:masters"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kwok", "kwok", "system:masters"),
    ("front-proxy", "front-proxy", ""),
];

/// The folder of certificates and keys, in PEM.
#[derive(Debug, Clone)]
pub(super) struct Pki {
    dir: PathBuf,
}

impl Pki {
    /// Makes all of them in `dir`.
    pub(super) fn create(dir: &Path) -> Result<Self> {
        let pki = Self { dir: dir.to_owned() };
        fs::create_dir_all(dir).doing(|| format!("creating {}", dir.display()))?;
        let authority = authority()?;
        pki.write("ca.crt", &authority.pem())?;
        let mut server = CertificateParams::new(SERVER_NAMES.map(str::to_owned))?;
        server
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        pki.sign("server", server, &authority)?;
        for (file, user, group) in CLIENTS {
            let mut client = CertificateParams::default();
            client.distinguished_name.push(DnType::CommonName, user);
            if !group.is_empty() {
                client.distinguished_name.push(DnType::OrganizationName, group);
            }
            client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            pki.sign(file, client, &authority)?;
        }
        let tokens = KeyPair::generate()?;
        pki.write("sa.key", &tokens.serialize_pem())?;
        pki.write("sa.pub", &tokens.public_key_pem())?;
        Ok(pki)
    }

    /// The path of `NAME.crt`, `NAME.key` or `sa.pub`.
    pub(super) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn sign(
        &self,
        name: &str,
        mut params: CertificateParams,
        issuer: &CertifiedIssuer<'_, KeyPair>,
    ) -> Result<()> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        self.write(&format!("{name}.crt"), &params.signed_by(&key, issuer)?.pem())?;
        self.write(&format!("{name}.key"), &key.serialize_pem())
    }

    fn write(&self, name: &str, pem: &str) -> Result<()> {
        let path = self.dir.join(name);
        fs::write(&path, pem).doing(|| format!("writing {}", path.display()))
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "plimsoll-kit");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}
