//! The gRPC code generated from `proto/`: messages, clients and servers of every Windlass API.
//!
//! Generated types are wire types. A service parses them once in its `grpc.rs` and converts out of its own types in
//! `grpc/convert.rs`; they go no further in.
//!
//! Invariant: nothing here but generated code and what server reflection needs.

/// The serialised descriptors of every API, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/windlass.bin"));

/// Wraps one generated package; the lints of hand-written code do not apply to it.
macro_rules! package {
    ($area:ident, $package:literal, $doc:literal) => {
        #[doc = $doc]
        pub mod $area {
            #[doc = $doc]
            pub mod v1 {
                tonic::include_proto!($package);
            }
        }
    };
}

package!(
    image,
    "windlass.image.v1",
    "`windlass.image`: which images exist, and which one a policy selects (image-scanner)."
);
package!(release, "windlass.release.v1", "`windlass.release`: Helm releases (release-operator).");
package!(
    sealing,
    "windlass.sealing.v1",
    "`windlass.sealing`: sealing keys and SealedSecrets (secrets-decryptor)."
);
package!(source, "windlass.source.v1", "`windlass.source`: the files of the config repository (git-syncer).");
package!(
    sync,
    "windlass.sync.v1",
    "`windlass.sync`: the state of the repository in the cluster (git-syncer)."
);
