//! `ssh://[USER@]HOST[:PORT]`, of which nothing reaches ssh that ssh could read as an option, or a shell as a command.

use std::fmt;

/// Another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

/// What is expected, for whoever wrote something else.
const FORM: &str = "write ssh://[USER@]HOST[:PORT]";

impl Destination {
    /// Reads one; or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Destination, String> {
        let rest = text.strip_prefix("ssh://").ok_or(FORM)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('/') {
            return Err(format!("{FORM}; the socket on that host is named with --socket"));
        }
        // A user of a directory may hold an @ itself.
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (host, port) = host_and_port(rest)?;
        check("user", user.unwrap_or("root"), "._-+@")?;
        check("host", host, if host.contains(':') { ":.%" } else { "._-" })?;
        Ok(Destination { user: user.map(str::to_owned), host: host.to_owned(), port })
    }

    /// As one word after ssh's `--`.
    pub(super) fn word(&self) -> String {
        self.user.as_ref().map_or_else(|| self.host.clone(), |user| format!("{user}@{}", self.host))
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }
}

/// An IPv6 address stands in brackets, so that its port can be told from it.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| format!("the address {text} has no end; {FORM}"))?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').unwrap_or(rest)) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let number = |port: &str| port.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("{port:?} is no port; {FORM}"));
    Ok((host, port.map(number).transpose()?))
}

fn check(what: &str, text: &str, further: &str) -> Result<(), String> {
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !further.contains(*c)) {
        _ if text.is_empty() => Err(format!("the {what} is missing; {FORM}")),
        _ if text.starts_with('-') => Err(format!("a {what} does not begin with -; {FORM}")),
        Some(c) => Err(format!("{c:?} cannot stand in a {what}; {FORM}")),
        None => Ok(()),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word())?;
        self.port.map_or(Ok(()), |port| write!(f, " port {port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations() {
        for (text, word, port) in [
            ("ssh://dom0", "dom0", None),
            ("ssh://root@10.0.0.1:2222", "root@10.0.0.1", Some(2222)),
            ("ssh://a.user@corp@xen-1.example/", "a.user@corp@xen-1.example", None),
            ("ssh://[fe80::1%eth0]:22", "fe80::1%eth0", Some(22)),
            ("ssh://root@[::1]", "root@::1", None),
        ] {
            let read = Destination::parse(text).unwrap();
            assert_eq!((read.word().as_str(), read.port()), (word, port), "{text}");
        }
    }

    #[test]
    fn what_is_none() {
        for (text, says) in [
            ("dom0", "write ssh://"),
            ("tcp://dom0", "write ssh://"),
            ("ssh://", "the host is missing"),
            ("ssh://@dom0", "the user is missing"),
            ("ssh://-oProxyCommand=reboot", "host does not begin with -"),
            ("ssh://-oProxyCommand=reboot@dom0", "user does not begin with -"),
            ("ssh://dom0;reboot", "';' cannot stand in a host"),
            ("ssh://$(reboot)@dom0", "'$' cannot stand in a user"),
            ("ssh://dom 0", "' ' cannot stand in a host"),
            ("ssh://dom0:", "no port"),
            ("ssh://dom0:0", "no port"),
            ("ssh://dom0:70000", "no port"),
            ("ssh://dom0:-p1", "no port"),
            ("ssh://[::1", "no end"),
            ("ssh://[::1]22x", "no port"),
            ("ssh://fe80::1", "no port"),
            ("ssh://dom0/run/x.sock", "--socket"),
        ] {
            let wrong = Destination::parse(text).unwrap_err();
            assert!(wrong.contains(says) && wrong.contains("write ssh://[USER@]HOST[:PORT]"), "{text}: {wrong}");
        }
    }
}
