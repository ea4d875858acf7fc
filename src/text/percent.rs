//! Shares in percent. What is nearly all is not all, and what is hardly anything is not nothing: neither is rounded to it.

/// `share` of the whole, usually in `[0, 1]`, with a digit after the point: `41.3 %`, `<0.1 %`, `>99.9 %`.
pub fn percent(share: impl Into<f64>) -> String {
    percent_to(share.into(), 1)
}

/// The same without digits after the point, but where those are needed: `41 %`, `99.6 %`, `>99.9 %`.
pub fn whole_percent(share: impl Into<f64>) -> String {
    let share = share.into();
    percent_to(share, usize::from(is_rounded_away(share, 0)))
}

/// The same with so many digits after the point.
pub fn percent_to(share: impl Into<f64>, digits: usize) -> String {
    let share = share.into();
    let least = 10_f64.powi(-(digits as i32));
    match share {
        _ if !is_rounded_away(share, digits) => format!("{:.digits$} %", 100.0 * share),
        0.5.. => format!(">{:.digits$} %", 100.0 - least),
        _ => format!("<{least:.digits$} %"),
    }
}

/// Whether a share that is neither nothing nor all would look like that.
fn is_rounded_away(share: f64, digits: usize) -> bool {
    let shown: f64 = format!("{:.digits$}", 100.0 * share).parse().unwrap_or(100.0 * share);
    share > 0.0 && shown <= 0.0 || share < 1.0 && shown >= 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_all_and_only_nothing_is_nothing() {
        let cases = [
            (0.0, "0.0 %", "0 %"),
            (1e-9, "<0.1 %", "<0.1 %"),
            (0.0006, "0.1 %", "0.1 %"),
            (0.004, "0.4 %", "0.4 %"),
            (0.006, "0.6 %", "1 %"),
            (0.4134, "41.3 %", "41 %"),
            (0.994, "99.4 %", "99 %"),
            (0.996, "99.6 %", "99.6 %"),
            (0.9994, "99.9 %", "99.9 %"),
            (0.9996, ">99.9 %", ">99.9 %"),
            (1.0, "100.0 %", "100 %"),
        ];
        for (share, fine, whole) in cases {
            assert_eq!((percent(share), whole_percent(share)), (fine.to_owned(), whole.to_owned()), "{share}");
        }
        assert_eq!([percent_to(0.99999, 2), percent_to(0.5, 2)], [">99.99 %", "50.00 %"]);
        assert_eq!(percent(1.0_f32 - f32::EPSILON), ">99.9 %");
    }

    #[test]
    fn no_share_between_reads_as_an_end() {
        for share in (1..100_000).map(|step| f64::from(step) / 100_000.0) {
            for text in [percent(share), whole_percent(share), percent_to(share, 2)] {
                let number = text.trim_end_matches(" %");
                assert!(!matches!(number.parse(), Ok(0.0 | 100.0)), "{share}: {text}");
            }
        }
    }
}
