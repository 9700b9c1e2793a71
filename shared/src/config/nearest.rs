//! The nearest right word, for messages about a wrong one.

/// The word of `known` that `wrong` was most likely meant to be.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.75;
    let wrong = wrong.to_lowercase();
    let rated = known.into_iter().map(|word| (strsim::jaro_winkler(&wrong, word), word));
    rated.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, word)| word)
}

/// `message` with the nearest word, where it quotes first what was found and then what would be right: serde quotes
/// with backticks, choices of numbers or words with `"`.
pub(super) fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split(['`', '"']).skip(1).step_by(2).collect();
    let Some((wrong, known)) = quoted.split_first() else { return message.to_owned() };
    match nearest(wrong, known.iter().copied()) {
        Some(word) if word != *wrong => format!("{message}; did you mean '{word}'?"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["copies", "crop", "contrast", "exif"];
        assert_eq!(nearest("copeis", known), Some("copies"));
        assert_eq!(nearest("Contrst", known), Some("contrast"));
        assert_eq!(nearest("zzz", known), None);
    }

    #[test]
    fn a_message_of_serde_gets_the_nearest_word() {
        let message = "unknown variant `similr`, expected one of `similar`, `absolute`, `default`";
        assert!(with_nearest(message).ends_with("did you mean 'similar'?"));
        let message = r#"invalid value: string "radnom", expected one of 0 "removed", 1 "random""#;
        assert!(with_nearest(message).ends_with("did you mean 'random'?"));
        assert_eq!(
            with_nearest("invalid type: integer `3`, expected a sequence"),
            "invalid type: integer `3`, expected a sequence"
        );
    }
}
