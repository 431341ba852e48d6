//! Calls that ask for a look are made at any replica, and answered by the one whose object it is: only that one looks.

use api::release::v1::release_service_client::ReleaseServiceClient;
use service_kit::Kit;
use service_kit::client::Connection;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Status};

use super::Releases;

/// Metadata of a call that was handed on: it is not handed on again.
const HANDED_ON: &str = "windlass-handed-on";

/// The other replicas.
pub struct Peers {
    kit: Kit,
    /// What their certificates are for.
    name: &'static str,
}

impl Peers {
    /// Reached with the certificates and by the rules of the kit.
    pub fn new(kit: Kit, name: &'static str) -> Self {
        Self { kit, name }
    }
}

/// Who answers a call.
pub(super) enum Place {
    /// This replica.
    Here,
    /// Another.
    There(Box<ReleaseServiceClient<Connection>>),
}

/// Who answers a call about the object of that namespace and name.
///
/// # Errors
/// `UNAVAILABLE` while the object goes from one replica to another, `FAILED_PRECONDITION` when the other one does not say where it is reached.
pub(super) fn place<T>(
    releases: &Releases,
    request: &Request<T>,
    object: impl Fn(&T) -> (&str, &str),
) -> Result<Place, Status> {
    let (namespace, name) = object(request.get_ref());
    let key = (namespace.to_owned(), name.to_owned());
    let shares = &releases.context.shares;
    // An object that is not known, or that nobody has yet, is told of here.
    let Some(owner) = shares.owner(&key).filter(|_| !shares.owns(&key)) else { return Ok(Place::Here) };
    if request.metadata().contains_key(HANDED_ON) {
        return Err(handed_over());
    }
    let Some(address) = shares.address(&owner) else {
        return Err(Status::failed_precondition(format!(
            "replica {owner} works on this release and tells no address (--peer-url); ask it directly"
        )));
    };
    let connection = releases.peers.kit.connect_to_replica(&address, releases.peers.name);
    let connection = connection.map_err(|error| {
        let why = service_kit::chain(&error);
        Status::unavailable(format!("replica {owner} works on this release and cannot be called: {why}"))
    })?;
    Ok(Place::There(Box::new(ReleaseServiceClient::new(connection))))
}

/// The call as it is handed on.
pub(super) fn handed_on<T>(request: Request<T>) -> Request<T> {
    let mut request = Request::new(request.into_inner());
    request.metadata_mut().insert(HANDED_ON, AsciiMetadataValue::from_static("1"));
    request
}

/// The object is another replica's by now, or was when it was asked for.
pub(super) fn handed_over() -> Status {
    Status::unavailable("the release is going from one replica of release-operator to another; call again")
}
