//! Which watermark words are removed. Only compares words; nobody here reads them off an image.

/// How a word is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// At least 75 % alike by edit distance.
    Similar,
    /// Equal.
    Absolute,
}

/// A word to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keyword {
    pub(crate) value: String,
    pub(crate) rule: Rule,
}

/// Which words are removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keywords {
    /// Those that match (`watermarkNames`).
    Only(Vec<Keyword>),
    /// Those that do not match (`excludeKeywords`).
    Except(Vec<Keyword>),
}

impl Keywords {
    /// Whether a word is to be removed.
    pub(crate) fn removes(&self, word: &str) -> bool {
        let is_listed = |list: &[Keyword]| list.iter().any(|keyword| keyword.matches(word));
        match self {
            Self::Only(list) => is_listed(list),
            Self::Except(list) => !is_listed(list),
        }
    }
}

impl Keyword {
    fn matches(&self, word: &str) -> bool {
        match self.rule {
            Rule::Absolute => self.value == word,
            Rule::Similar => {
                let longest = self.value.chars().count().max(word.chars().count());
                // Alike by 75 % or more is: different by a quarter or less.
                edit_distance(&self.value, word) * 4 <= longest
            }
        }
    }
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut distances: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.chars().enumerate() {
        let mut diagonal = distances[0];
        distances[0] = row + 1;
        for column in 0..right.len() {
            let change = diagonal + usize::from(letter != right[column]);
            diagonal = distances[column + 1];
            distances[column + 1] = change.min(diagonal + 1).min(distances[column] + 1);
        }
    }
    distances[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_that_of_levenshtein() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("水印", "水印"), 0);
    }

    #[test]
    fn similar_is_three_quarters_and_absolute_is_all() {
        let keyword = |value: &str, rule| Keyword { value: value.to_owned(), rule };
        assert!(keyword("SAMPLES", Rule::Similar).matches("SAMPLE"));
        assert!(!keyword("SIMPLES", Rule::Similar).matches("SAMPLE"));
        assert!(!keyword("SAMPLES", Rule::Absolute).matches("SAMPLE"));
        let list = vec![keyword("SAMPLE", Rule::Absolute)];
        assert!(Keywords::Only(list.clone()).removes("SAMPLE"));
        assert!(!Keywords::Except(list.clone()).removes("SAMPLE"));
        assert!(!Keywords::Only(list).removes("other"));
    }
}
