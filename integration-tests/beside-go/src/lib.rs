//! Our template engine and Go's, side by side in one run.

pub mod bench;
