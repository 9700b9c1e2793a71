//! The one TLS implementation of everything that sends.

/// Makes ring the process's implementation of cryptography, unless one is chosen already.
pub fn install() {
    // It fails only when there is one, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
