//! Where results may come from. A result's address is a stranger's text: without these checks it could point into our
//! own network. Pure: nothing is looked up here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// An honest address is no longer than this.
const MOST_ADDRESS_BYTES: usize = 8 * 1024;
/// No more characters of a stranger's word are repeated than this.
const MOST_SHOWN: usize = 100;

/// The hosts that a provider's results may come from.
#[derive(Debug, Clone)]
pub struct ResultHosts {
    allowed: Vec<Allowed>,
    /// Host and port of a provider that is configured in our own network, as the sandbox is.
    home: Option<Allowed>,
}

/// A host, and the port besides 80 and 443 that it may be asked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Allowed {
    host: Host<String>,
    port: Option<u16>,
    /// Whoever runs darkroom named it, without a port: it may be asked at any.
    any_port: bool,
}

/// An address that may be asked.
#[derive(Debug)]
pub(in crate::provider) struct Place {
    pub(in crate::provider) url: Url,
    /// It is the provider itself, which is configured in our own network.
    pub(super) at_home: bool,
}

impl Place {
    /// The host as it may be shown; the rest of the address may hold a signature.
    pub(super) fn host(&self) -> String {
        shown(self.url.host_str().unwrap_or_default())
    }
}

/// Why an address is not asked. The words go on from "a result at …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is no address, or one of an absurd length.
    #[error("something that is no web address")]
    Unreadable,
    /// Neither `http` nor `https`.
    #[error("an address that begins with '{0}:', which is no web address")]
    Scheme(String),
    /// A user name or a password stands before the host.
    #[error("'{0}' with a user name or password in its address, which no honest one has")]
    UserInfo(String),
    /// The host is not on the list.
    #[error(
        "'{0}', which is none of the provider's known hosts; if it is right, add the host to <PROVIDER>_RESULT_HOSTS"
    )]
    UnknownHost(String),
    /// The host is on the list, the port is not.
    #[error(
        "port {port} of '{host}', which is none of its known ports; if it is right, add '{host}:{port}' to \
         <PROVIDER>_RESULT_HOSTS"
    )]
    UnknownPort {
        /// Who.
        host: String,
        /// Where.
        port: u16,
    },
    /// The address lies in a private network.
    #[error("'{0}', which lies in a private network and not on the internet")]
    Private(String),
}

impl ResultHosts {
    /// The host of the provider's own `base` address, the ones it is known to use, and those from
    /// `<PROVIDER>_RESULT_HOSTS` (`host` or `host:port`). What is no host allows nothing.
    #[must_use]
    pub fn new(base: &Url, known: &[&str], configured: &[String]) -> Self {
        let base = base.host().map(|host| Allowed {
            host: host.to_owned(),
            port: base.port_or_known_default(),
            any_port: false,
        });
        let home = base.clone().filter(|base| is_private(&base.host));
        let known = known.iter().filter_map(|text| Allowed::parse(text));
        let configured = configured.iter().filter_map(|text| Allowed::parse(text));
        let listed = known.chain(configured.map(|allowed| Allowed { any_port: allowed.port.is_none(), ..allowed }));
        Self { allowed: base.into_iter().chain(listed).collect(), home }
    }

    /// Whether `text` can stand in `<PROVIDER>_RESULT_HOSTS`.
    #[must_use]
    pub fn is_host(text: &str) -> bool {
        !text.contains(['/', '?', '#', '@']) && Allowed::parse(text).is_some()
    }

    /// Whether a result may be fetched from `text`.
    pub(in crate::provider) fn allow(&self, text: &str) -> Result<Place, AddressError> {
        if text.len() > MOST_ADDRESS_BYTES {
            return Err(AddressError::Unreadable);
        }
        let url = Url::parse(text).map_err(|_| AddressError::Unreadable)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(shown(url.scheme())));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(AddressError::Unreadable);
        };
        let host = host.to_owned();
        let name = || shown(&host.to_string());
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::UserInfo(name()));
        }
        let mut listed = self.allowed.iter().filter(|allowed| allowed.host == host).peekable();
        if listed.peek().is_none() {
            return Err(AddressError::UnknownHost(name()));
        }
        // Our own network is only ever asked at the very port that the provider was configured with.
        let usual = matches!(port, 80 | 443) && self.home.as_ref().is_none_or(|home| home.host != host);
        let named = listed.clone().any(|allowed| allowed.any_port);
        if !usual && !named && !listed.any(|allowed| allowed.port == Some(port)) {
            return Err(AddressError::UnknownPort { host: name(), port });
        }
        // Where the provider itself is in our own network, so may be the file server that was named beside it.
        let at_home = self.home.as_ref().is_some_and(|home| named || (home.host == host && home.port == Some(port)));
        if !at_home && address(&host).is_some_and(|address| !is_public(address)) {
            return Err(AddressError::Private(name()));
        }
        Ok(Place { url, at_home })
    }
}

impl Allowed {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&format!("http://{text}")).ok()?;
        Some(Self { host: url.host()?.to_owned(), port: url.port(), any_port: false })
    }
}

/// A stranger's word, shortened so that it fits into a message.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn address(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(ip) => Some((*ip).into()),
        Host::Ipv6(ip) => Some((*ip).into()),
        Host::Domain(_) => None,
    }
}

/// Whether whoever configured this host means one in their own network: a private address, or a name that the internet
/// does not have.
fn is_private(host: &Host<String>) -> bool {
    const LOCAL: [&str; 7] = [".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".test"];
    match host {
        Host::Domain(name) => !name.contains('.') || LOCAL.iter().any(|ending| name.ends_with(ending)),
        _ => address(host).is_some_and(|address| !is_public(address)),
    }
}

/// Whether an address is one of the internet's: no loopback, private network, carrier's network, link, group,
/// documentation or test, in none of the forms in which IPv6 carries IPv4.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // "This network"; groups, reserved and broadcast; carriers' own (RFC 6598).
        [0 | 224.., ..] => true,
        [100, second, ..] => second & 0xC0 == 64,
        // Protocol assignments and the retired way to 6to4; tests of networks.
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        _ => false,
    };
    !(special || ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let [_, _, _, _, _, _, high, low] = segments;
    let [first, second] = high.to_be_bytes();
    let [third, fourth] = low.to_be_bytes();
    let last_four = Ipv4Addr::new(first, second, third, fourth);
    match segments {
        // IPv4 in IPv6: as such, and as networks without IPv4 reach it (NAT64).
        [0, 0, 0, 0, 0, 0xFFFF, ..] | [0x64, 0xFF9B, 0, 0, 0, 0, ..] => is_public_v4(last_four),
        // Protocol assignments with Teredo; documentation; 6to4.
        [0x2001, 0..=0x1FF | 0xDB8, ..] | [0x2002, ..] | [0x3FFF, 0..=0xFFF, ..] => false,
        // Only this much of IPv6 has been given out to the internet.
        [first, ..] => first & 0xE000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(base: &str) -> ResultHosts {
        let configured = ["mirror.example", "odd.example:8443", "10.0.0.5", "фото.example", "not a host", ""];
        let configured = configured.map(str::to_owned);
        ResultHosts::new(&Url::parse(base).unwrap(), &["cdn.example"], &configured)
    }

    #[test]
    fn results_come_from_known_hosts_however_they_are_written() {
        let hosts = hosts("https://provider.example:4443/api");
        for url in [
            "https://provider.example/a.zip",
            "https://provider.example:4443/a.zip",
            "http://cdn.example/a?X-Signature=1#x",
            "HTTPS://MIRROR.Example:443/a",
            "https://odd.example:8443/a",
            "https://odd.example/a",
            "https://ФОТО.example/a",
            "https://xn--n1aalg.example/a",
            r"https:\\cdn.example\a",
        ] {
            assert!(!hosts.allow(url).unwrap().at_home, "{url}");
        }
    }

    #[test]
    fn every_trick_with_a_host_is_refused_for_what_it_is() {
        let hosts = hosts("https://provider.example:4443/api");
        let unknown = |host: &str| AddressError::UnknownHost(host.into());
        let port = |host: &str, port| AddressError::UnknownPort { host: host.into(), port };
        for (url, expected) in [
            ("http://169.254.169.254/latest/meta-data", unknown("169.254.169.254")),
            ("http://2852039166/", unknown("169.254.169.254")),
            ("http://0x7f.1/", unknown("127.0.0.1")),
            ("http://0177.0.0.1/", unknown("127.0.0.1")),
            ("http://localhost/", unknown("localhost")),
            ("http://[::ffff:127.0.0.1]/", unknown("[::ffff:7f00:1]")),
            ("http://[fe80::1]/", unknown("[fe80::1]")),
            ("http://10.0.0.5/", AddressError::Private("10.0.0.5".into())),
            ("https://provider.example.evil.com/a", unknown("provider.example.evil.com")),
            ("https://evilprovider.example/a", unknown("evilprovider.example")),
            ("https://sub.provider.example/a", unknown("sub.provider.example")),
            ("https://provider.example./a", unknown("provider.example.")),
            ("https://evil.com#@cdn.example/", unknown("evil.com")),
            (r"https://evil.com\@cdn.example/", unknown("evil.com")),
            ("https://evil.com/cdn.example", unknown("evil.com")),
            ("https://cdn.example@evil.com/", AddressError::UserInfo("evil.com".into())),
            ("https://user:pass@cdn.example/", AddressError::UserInfo("cdn.example".into())),
            ("https://сdn.example/a", unknown("xn--dn-nmc.example")),
            ("https://cdn.example:22/", port("cdn.example", 22)),
            ("https://cdn.example:8443/", port("cdn.example", 8443)),
            ("file:///etc/passwd", AddressError::Scheme("file".into())),
            ("ftp://cdn.example/a", AddressError::Scheme("ftp".into())),
            ("data:image/png;base64,AAAA", AddressError::Scheme("data".into())),
            ("//cdn.example/a", AddressError::Unreadable),
            ("https://", AddressError::Unreadable),
            ("https://[::1/", AddressError::Unreadable),
            ("https://cdn.example:99999/", AddressError::Unreadable),
            ("no address", AddressError::Unreadable),
            ("", AddressError::Unreadable),
        ] {
            assert_eq!(hosts.allow(url).map(|place| place.url).unwrap_err(), expected, "{url}");
        }
        let long = format!("https://cdn.example/{}", "x".repeat(MOST_ADDRESS_BYTES));
        assert_eq!(hosts.allow(&long).map(|place| place.url).unwrap_err(), AddressError::Unreadable);
    }

    #[test]
    fn what_is_said_of_an_address_never_holds_its_signature_and_is_short() {
        let hosts = hosts("https://provider.example/");
        for url in [
            "https://evil.com/?sig=SECRET",
            "https://cdn.example:22/?sig=SECRET",
            "https://SECRET:SECRET@cdn.example/SECRET",
            "ftp://evil.com/SECRET",
            &format!("https://{}.com/SECRET", "a".repeat(5000)),
        ] {
            let said = hosts.allow(url).unwrap_err().to_string();
            assert!(!said.contains("SECRET") && said.len() < 300, "{said}");
        }
    }

    #[test]
    fn a_provider_in_our_own_network_stays_on_its_port() {
        for base in
            ["http://127.0.0.1:9001/sandbox", "http://sandbox:9001/", "http://[::1]:9001/", "http://a.internal:9001"]
        {
            let base = Url::parse(base).unwrap();
            let hosts = ResultHosts::new(&base, &["cdn.example"], &[]);
            assert!(hosts.allow(base.as_str()).unwrap().at_home, "{base}");
            assert!(!hosts.allow("https://cdn.example/").unwrap().at_home);
            for port in [80, 443, 9002] {
                let mut other = base.clone();
                other.set_port(Some(port)).unwrap();
                assert!(matches!(hosts.allow(other.as_str()), Err(AddressError::UnknownPort { .. })), "{other}");
            }
        }
    }

    #[test]
    fn only_the_internets_addresses_are_public() {
        let private = "0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 172.16.0.1 \
                       172.31.255.255 192.0.0.8 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255 203.0.113.9 224.0.0.1 \
                       239.1.1.1 240.0.0.1 255.255.255.255 :: ::1 ::10.0.0.1 ::8.8.8.8 ::ffff:10.0.0.1 ::ffff:127.0.0.1 \
                       ::ffff:169.254.169.254 64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:a00:1::1 \
                       3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1";
        for address in private.split_whitespace() {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        let public = "1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 223.255.255.254 \
                      2606:4700::1111 2a00:1450::1 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::8.8.8.8";
        for address in public.split_whitespace() {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_host_that_was_configured_is_asked_at_any_port_and_in_our_own_network_only_beside_the_provider() {
        let hosts =
            |base: &str, configured: &str| ResultHosts::new(&Url::parse(base).unwrap(), &[], &[configured.to_owned()]);
        let files = "http://127.0.0.1:9100/a.zip";
        assert!(hosts("http://localhost:9001/api", "127.0.0.1").allow(files).is_ok());
        assert!(hosts("http://127.0.0.1:9001/api", "127.0.0.1").allow(files).is_ok());
        assert!(hosts("http://127.0.0.1:9001/api", "127.0.0.1:9200").allow(files).is_err());
        assert!(hosts("https://provider.example/api", "127.0.0.1").allow(files).is_err());
        assert!(hosts("https://provider.example/api", "cdn.example").allow("https://cdn.example:8443/a").is_ok());
    }

    #[test]
    fn what_is_no_host_is_known_before_it_is_needed() {
        for host in ["cdn.example", "cdn.example:8443", "127.0.0.1", "[::1]:9000"] {
            assert!(ResultHosts::is_host(host), "{host}");
        }
        for wrong in ["https://cdn.example", "cdn.example/files", "a b", "cdn.example:port", "me@cdn.example"] {
            assert!(!ResultHosts::is_host(wrong), "{wrong}");
        }
    }
}
