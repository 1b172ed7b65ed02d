//! One figure with what it must be: as a row of the table, and as a line of JSON.

use serde::Serialize;

use super::results::Times;

/// What a figure must reach, and what it should: from above, or from below where the aim is the larger one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bound {
    /// A bench that misses it fails.
    pub must: f64,
    /// What we want.
    pub aim: f64,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name, stable.
    pub metric: &'static str,
    /// `us`, `count`, `permille`, or `bytes`.
    pub unit: &'static str,
    /// Stock tools' figure, where it can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<u64>,
    /// Ours.
    pub own: u64,
    /// Ours by stock's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The larger of both spreads, in percent of the median; none for a count, which repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_percent: Option<f64>,
    /// The bound, on the ratio of times and on our own count; none where the figure is only told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// How it compares.
    pub met: Met,
}

/// How a figure compares with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Met {
    /// As wanted.
    Aim,
    /// Good enough.
    Must,
    /// Not good enough.
    Missed,
    /// There is no bound.
    Told,
}

impl Bound {
    fn met(self, figure: f64) -> Met {
        let reaches = |wanted: f64| if self.aim > self.must { figure >= wanted } else { figure <= wanted };
        match figure {
            _ if reaches(self.aim) => Met::Aim,
            _ if reaches(self.must) => Met::Must,
            _ => Met::Missed,
        }
    }
}

impl Metric {
    /// A time of ours beside stock's; the bound is on the ratio.
    pub fn time(metric: &'static str, peer: &Times, own: &Times, bound: Option<Bound>) -> Self {
        let ratio = ratio(peer.median, own.median);
        let spread = peer.spread_percent().max(own.spread_percent());
        let met = bound.map_or(Met::Told, |bound| bound.met(ratio));
        Self {
            metric,
            unit: "us",
            peer: Some(peer.median),
            own: own.median,
            ratio: Some(ratio),
            spread_percent: Some(round(spread)),
            bound,
            met,
        }
    }

    /// A count of ours beside stock's; the bound is on ours.
    pub fn count(metric: &'static str, peer: Option<u64>, own: u64, bound: Option<Bound>) -> Self {
        let met = bound.map_or(Met::Told, |bound| bound.met(own as f64));
        Self { metric, unit: "count", peer, own, ratio: peer.map(|peer| ratio(peer, own)), spread_percent: None, bound, met }
    }

    /// A part of a whole, ours beside stock's, in thousandths; the bound is on ours.
    pub fn permille(metric: &'static str, peer: u64, own: u64, bound: Option<Bound>) -> Self {
        Self { unit: "permille", ..Self::count(metric, Some(peer), own, bound) }
    }

    /// Memory of ours beside stock's; the bound is on ours.
    pub fn bytes(metric: &'static str, peer: u64, own: u64, bound: Option<Bound>) -> Self {
        Self { unit: "bytes", ..Self::count(metric, Some(peer), own, bound) }
    }

    /// The row of the table.
    pub fn row(&self) -> [String; 8] {
        let shown = |figure: u64| match self.unit {
            "us" => format!("{:.2} ms", figure as f64 / 1000.0),
            "bytes" => format!("{:.1} kB", figure as f64 / 1000.0),
            _ => figure.to_string(),
        };
        let optional = |figure: Option<f64>| figure.map_or(String::new(), |figure| figure.to_string());
        let spread = self.spread_percent.map_or(String::new(), |spread| format!("{spread:.1} %"));
        let met = match self.met {
            Met::Aim => "aim",
            Met::Must => "must",
            Met::Missed => "MISSED",
            Met::Told => "",
        };
        [
            self.metric.to_owned(),
            self.peer.map_or(String::new(), shown),
            shown(self.own),
            self.ratio.map_or(String::new(), |ratio| format!("{ratio:.3}")),
            spread,
            optional(self.bound.map(|bound| bound.must)),
            optional(self.bound.map(|bound| bound.aim)),
            met.to_owned(),
        ]
    }
}

fn ratio(peer: u64, own: u64) -> f64 {
    round(own as f64 / peer.max(1) as f64)
}

/// To three places: what a figure is good for.
fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_compare_with_their_bounds() {
        let bound = Some(Bound { must: 40.0, aim: 24.0 });
        for (own, expected) in [(24, Met::Aim), (25, Met::Must), (40, Met::Must), (41, Met::Missed)] {
            assert_eq!(Metric::count("calls", Some(107), own, bound).met, expected, "{own}");
        }
        let bound = Some(Bound { must: 800.0, aim: 950.0 });
        for (own, expected) in [(950, Met::Aim), (949, Met::Must), (800, Met::Must), (799, Met::Missed)] {
            assert_eq!(Metric::permille("rate", 110, own, bound).met, expected, "{own}");
        }
        let told = Metric::count("calls", Some(100), 25, None);
        assert_eq!((told.met, told.ratio), (Met::Told, Some(0.25)));
    }
}
