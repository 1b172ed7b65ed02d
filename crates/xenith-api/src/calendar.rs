//! Seconds since 1970 as a date in UTC.

/// A moment of the calendar (days to civil, proleptic Gregorian).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    /// The year.
    pub year: u64,
    /// 1 to 12.
    pub month: u64,
    /// 1 to 31.
    pub day: u64,
    /// 0 to 23.
    pub hour: u64,
    /// 0 to 59.
    pub minute: u64,
    /// 0 to 59.
    pub second: u64,
}

impl Utc {
    /// The moment so many seconds after 1970 began.
    #[must_use]
    pub fn of(seconds: u64) -> Utc {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        let z = days + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Utc {
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }

    /// `2026-01-02T03:04:05Z`.
    #[must_use]
    pub fn text(self) -> String {
        let Utc { year, month, day, hour, minute, second } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// `20260102T0304Z`: short, and good in names.
    #[must_use]
    pub fn stamp(self) -> String {
        let Utc { year, month, day, hour, minute, .. } = self;
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, text, stamp) in [
            (0, "1970-01-01T00:00:00Z", "19700101T0000Z"),
            (951_782_400, "2000-02-29T00:00:00Z", "20000229T0000Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z", "20251231T2359Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "21000301T0000Z"),
        ] {
            assert_eq!((Utc::of(seconds).text().as_str(), Utc::of(seconds).stamp().as_str()), (text, stamp));
        }
    }
}
