//! The certificates and keys of the control plane.

use std::net::IpAddr;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};

use crate::host::{Host, LOOPBACK};

/// The files of a certificate authority, a server certificate under it and the key that signs
/// ServiceAccount tokens.
pub(crate) struct Pki {
    pub(crate) ca_pem: String,
    pub(crate) ca_file: PathBuf,
    pub(crate) server_certificate: PathBuf,
    pub(crate) server_key: PathBuf,
    pub(crate) service_account_key: PathBuf,
    pub(crate) service_account_public_key: PathBuf,
}

impl Pki {
    /// A client that trusts this authority and no other.
    pub(crate) fn http_client(&self) -> anyhow::Result<reqwest::Client> {
        let ca = reqwest::Certificate::from_pem(self.ca_pem.as_bytes())?;
        Ok(reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build()?)
    }
}

/// Makes them, valid for `address`, 127.0.0.1 and the API server's names.
pub(crate) fn make(host: &Host, address: IpAddr) -> anyhow::Result<Pki> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, "testbed CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);

    let server_key = KeyPair::generate()?;
    let names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let mut server = CertificateParams::new(names.map(String::from).to_vec())?;
    server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    server.subject_alt_names.extend([SanType::IpAddress(LOOPBACK), SanType::IpAddress(address)]);
    let server_certificate = server.signed_by(&server_key, &issuer)?;

    let tokens = KeyPair::generate()?;
    host.make_folder("pki")?;
    Ok(Pki {
        ca_pem: ca_certificate.pem(),
        ca_file: host.write("pki/ca.crt", ca_certificate.pem())?,
        server_certificate: host.write("pki/server.crt", server_certificate.pem())?,
        server_key: host.write("pki/server.key", server_key.serialize_pem())?,
        service_account_key: host.write("pki/service-account.key", tokens.serialize_pem())?,
        service_account_public_key: host.write("pki/service-account.pub", tokens.public_key_pem())?,
    })
}
