//! A server of the generated trait that answers as a file says and notes what it was asked. It is no release-operator: what is tested with
//! it is the client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::release::v1::release_service_server::{ReleaseService, ReleaseServiceServer};
use api::release::v1::*;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use tokio::sync::oneshot;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

/// The server, on a thread of its own until it is dropped.
pub(crate) struct Operator {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _stop: oneshot::Sender<()>,
}

impl Operator {
    /// Serves the answers of `tests/releases/answers.json`: by method, then by the release's name, or the token if there is no name. An
    /// answer is a response, or `{"code": …, "message": …}`; of `Watch` it is a list of these.
    pub(crate) fn start(tls: Option<ServerTlsConfig>) -> Self {
        let answers = serde_json::from_str(include_str!("answers.json")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let scripted = Scripted { answers, asked: asked.clone() };
        let (stop, stopped) = oneshot::channel::<()>();
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                send.send(incoming.local_addr().unwrap()).unwrap();
                let mut server = Server::builder();
                if let Some(tls) = tls {
                    server = server.tls_config(tls).unwrap();
                }
                let serving = server.add_service(ReleaseServiceServer::new(scripted));
                let stop = async { _ = stopped.await };
                serving.serve_with_incoming_shutdown(incoming, stop).await.unwrap();
            });
        });
        Self { address: receive.recv().unwrap(), asked, _stop: stop }
    }

    /// What it was asked since the last time: `Method {request as JSON}`.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

struct Scripted {
    answers: BTreeMap<String, BTreeMap<String, Value>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn script<M: prost::Message>(&self, method: &str, request: Request<M>) -> Result<Value, Status> {
        let request = DynamicMessage::decode(
            descriptor(&format!("{method}Request")),
            request.into_inner().encode_to_vec().as_slice(),
        )
        .unwrap();
        let json = serde_json::to_value(&request).unwrap();
        self.asked.lock().unwrap().push(format!("{method} {json}"));
        let key = ["name", "pageToken", "nameContains", "resumeToken"]
            .iter()
            .find_map(|field| json[field].as_str());
        let key = match (json["pageToken"].as_str(), json["name"].as_str()) {
            (Some(token), Some(name)) => format!("{name} {token}"),
            _ => key.unwrap_or_default().to_owned(),
        };
        // What is not about one release is answered in one way unless there is another.
        let answers = self.answers.get(method);
        let answer = answers.and_then(|answers| answers.get(&key).or_else(|| answers.get(""))).cloned();
        answer.ok_or_else(|| Status::not_found(format!("there is no FluxHelmRelease dev/{key}")))
    }

    async fn unary<M, T>(&self, method: &str, request: Request<M>) -> Result<Response<T>, Status>
    where
        M: prost::Message,
        T: prost::Message + Default,
    {
        let script = self.script(method, request)?;
        if script == "never" {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        message(method, script).map(Response::new)
    }
}

fn descriptor(name: &str) -> prost_reflect::MessageDescriptor {
    let pool = DescriptorPool::decode(api::FILE_DESCRIPTOR_SET).unwrap();
    pool.get_message_by_name(&format!("windlass.release.v1.{name}")).unwrap()
}

fn message<T: prost::Message + Default>(method: &str, script: Value) -> Result<T, Status> {
    if let (Some(code), Some(text)) = (script["code"].as_i64(), script["message"].as_str()) {
        return Err(Status::new(Code::from_i32(code.try_into().unwrap()), text));
    }
    let message = DynamicMessage::deserialize(descriptor(&format!("{method}Response")), script).unwrap();
    Ok(message.transcode_to().unwrap())
}

#[tonic::async_trait]
impl ReleaseService for Scripted {
    async fn list_releases(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        self.unary("ListReleases", request).await
    }

    async fn get_release(
        &self,
        request: Request<GetReleaseRequest>,
    ) -> Result<Response<GetReleaseResponse>, Status> {
        self.unary("GetRelease", request).await
    }

    async fn get_values(
        &self,
        request: Request<GetValuesRequest>,
    ) -> Result<Response<GetValuesResponse>, Status> {
        self.unary("GetValues", request).await
    }

    async fn get_manifest(
        &self,
        request: Request<GetManifestRequest>,
    ) -> Result<Response<GetManifestResponse>, Status> {
        self.unary("GetManifest", request).await
    }

    async fn get_notes(
        &self,
        request: Request<GetNotesRequest>,
    ) -> Result<Response<GetNotesResponse>, Status> {
        self.unary("GetNotes", request).await
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<GetHistoryResponse>, Status> {
        self.unary("GetHistory", request).await
    }

    async fn diff(&self, request: Request<DiffRequest>) -> Result<Response<DiffResponse>, Status> {
        self.unary("Diff", request).await
    }

    async fn reconcile(
        &self,
        request: Request<ReconcileRequest>,
    ) -> Result<Response<ReconcileResponse>, Status> {
        self.unary("Reconcile", request).await
    }

    async fn retry(&self, request: Request<RetryRequest>) -> Result<Response<RetryResponse>, Status> {
        self.unary("Retry", request).await
    }

    async fn rollback(
        &self,
        request: Request<RollbackRequest>,
    ) -> Result<Response<RollbackResponse>, Status> {
        self.unary("Rollback", request).await
    }

    async fn suspend(&self, request: Request<SuspendRequest>) -> Result<Response<SuspendResponse>, Status> {
        self.unary("Suspend", request).await
    }

    async fn resume(&self, request: Request<ResumeRequest>) -> Result<Response<ResumeResponse>, Status> {
        self.unary("Resume", request).await
    }

    async fn test(&self, request: Request<TestRequest>) -> Result<Response<TestResponse>, Status> {
        self.unary("Test", request).await
    }

    type WatchStream = BoxStream<WatchResponse>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let Value::Array(messages) = self.script("Watch", request)? else { panic!("a list of messages") };
        let messages: Vec<_> = messages.into_iter().map(|script| message("Watch", script)).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }
}
