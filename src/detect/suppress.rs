//! Nodes that are not judged, and why.
