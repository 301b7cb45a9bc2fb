//! Which listed model a loosely written name means.
//!
//! Decides from the name and the listed ids alone; built once per list, asked once per request.
//!
//! The rule: two names are the same *family* when they are equal after folding. Folding lowers case, makes one `-` of every
//! run of space, `.`, `-` and `_`, and takes a trailing date (`-YYYYMMDD` or `-YYYY-MM-DD`) off. Nothing else is folded, so
//! `gpt-4o` never means `gpt-4o-mini`, and no score can jump between families. The one addition: a vendor word may be missing
//! at the front (`Opus 4.6` means `claude-opus-4-6`), tried only when no family matches without it.
//!
//! Within a family:
//! - a name without a date means the newest dated id; an id without a date counts as older than any date;
//! - a name with a date means that date only, or else the id without a date, which a vendor keeps pointing at some release;
//!   it never means another date;
//! - ids that are left with equal claims are all returned: the caller reports the choice, it does not guess.
//!
//! Cost: one hash lookup per list. Only [`FuzzyIndex::similar`], for the text of an error, walks the list.

use std::{collections::HashMap, sync::Arc};

/// Words that people leave out at the front of a model's name.
const VENDOR_WORDS: &[&str] = &["claude-", "gemini-"];

/// More words of a name than this do not make a suggestion better.
const SUGGESTION_WORDS: usize = 8;

/// A day, as the number `YYYYMMDD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(u32);

/// A name after folding. Make it once and ask every list with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    family: String,
    date: Option<Date>,
}

/// The listed ids that a name may mean; more than one is an ambiguity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hits {
    /// Positions in the list, never empty.
    pub positions: Vec<usize>,
    /// How good the match is.
    pub grade: Grade,
}

/// How good a match is; greater is better. All hits of one lookup have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grade {
    /// Nothing was added at the front of the name.
    pub whole: bool,
    /// The name's own date, when it had one, is the id's.
    pub date_kept: bool,
    /// The date of the id.
    pub date: Option<Date>,
}

/// One list of model ids, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct FuzzyIndex {
    folded: Vec<Folded>,
    families: HashMap<Arc<str>, Vec<usize>>,
    without_vendor: HashMap<Arc<str>, Vec<usize>>,
}

impl Folded {
    /// Folds a name.
    pub fn new(name: &str) -> Self {
        let mut family = String::with_capacity(name.len());
        let mut gap = false;
        for character in name.chars() {
            if matches!(character, ' ' | '.' | '-' | '_') {
                gap = true;
                continue;
            }
            if gap && !family.is_empty() {
                family.push('-');
            }
            gap = false;
            family.extend(character.to_lowercase());
        }
        let date = trailing_date(&family);
        if let Some((length, _)) = date {
            family.truncate(length);
        }
        Self { family, date: date.map(|(_, date)| date) }
    }

    /// What is left without the date.
    pub fn family(&self) -> &str {
        &self.family
    }
}

impl FuzzyIndex {
    /// Indexes a list; positions in answers count from its start.
    pub fn new<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut index = Self::default();
        for (position, id) in ids.into_iter().enumerate() {
            let folded = Folded::new(id);
            index.families.entry(folded.family.as_str().into()).or_default().push(position);
            for word in VENDOR_WORDS {
                if let Some(rest) = folded.family.strip_prefix(word) {
                    index.without_vendor.entry(rest.into()).or_default().push(position);
                }
            }
            index.folded.push(folded);
        }
        index
    }

    /// The ids that `name` means, or `None`.
    pub fn lookup(&self, name: &Folded) -> Option<Hits> {
        let direct = self.families.get(name.family()).and_then(|family| self.newest(family, name, true));
        direct.or_else(|| self.without_vendor.get(name.family()).and_then(|family| self.newest(family, name, false)))
    }

    /// Positions of at most `limit` ids that look like `name`, best first: for "did you mean".
    pub fn similar(&self, name: &Folded, limit: usize) -> Vec<usize> {
        let words: Vec<&str> = name.family.split(['-', '/', ':']).take(SUGGESTION_WORDS).collect();
        let score = |folded: &Folded| {
            let shared =
                words.iter().filter(|word| folded.family.split(['-', '/', ':']).any(|own| own == **word)).count();
            let prefix = folded.family.bytes().zip(name.family.bytes()).take_while(|(a, b)| a == b).count();
            shared * 4 + prefix
        };
        let mut scored: Vec<(usize, usize)> = self
            .folded
            .iter()
            .map(score)
            .enumerate()
            .filter(|(_, score)| *score >= 4)
            .map(|(at, score)| (score, at))
            .collect();
        scored.sort_by_key(|(score, position)| (std::cmp::Reverse(*score), *position));
        scored.into_iter().take(limit).map(|(_, position)| position).collect()
    }

    fn newest(&self, family: &[usize], name: &Folded, whole: bool) -> Option<Hits> {
        let date_of = |position: &usize| self.folded.get(*position).and_then(|folded| folded.date);
        let date = match name.date {
            None => family.iter().map(date_of).max()?,
            wanted => {
                [wanted, None].into_iter().find(|date| family.iter().any(|position| date_of(position) == *date))?
            }
        };
        let positions = family.iter().copied().filter(|position| date_of(position) == date).collect();
        Some(Hits { positions, grade: Grade { whole, date_kept: name.date.is_none() || date == name.date, date } })
    }
}

/// Length of a folded name without its trailing date, and the date.
fn trailing_date(folded: &str) -> Option<(usize, Date)> {
    let compact = |text: &str| -> Option<Date> {
        let number: u32 =
            (text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())??;
        let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
        ((2000..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(Date(number))
    };
    let bytes = folded.as_bytes();
    let tail = |length: usize| {
        let start = folded.len().checked_sub(length)?;
        (start > 0 && bytes.get(start) == Some(&b'-')).then(|| folded.get(start + 1..).map(|text| (start, text)))?
    };
    if let Some((start, text)) = tail(9)
        && let Some(date) = compact(text)
    {
        return Some((start, date));
    }
    let (start, text) = tail(11)?;
    let dashed = text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    if !dashed {
        return None;
    }
    compact(&text.replace('-', "")).map(|date| (start, date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LISTED: &[&str] = &[
        "claude-opus-4-6-20250401",
        "claude-opus-4-6-20250617",
        "claude-opus-4-6",
        "claude-sonnet-4-5-20250929",
        "claude-haiku-4.5",
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4o-2024-08-06",
        "gpt-4.1",
        "gpt-4-0613",
        "openai/gpt-4.1",
        "gemini-2.5-pro",
        "llama3:8b",
    ];

    fn meant(name: &str) -> Vec<&'static str> {
        let hits = FuzzyIndex::new(LISTED.iter().copied()).lookup(&Folded::new(name));
        hits.map_or_else(Vec::new, |hits| hits.positions.into_iter().map(|at| LISTED[at]).collect())
    }

    #[test]
    fn loose_names_mean_the_newest_dated_id_of_their_family() {
        for (name, id) in [
            ("Opus 4.6", "claude-opus-4-6-20250617"),
            ("opus-4-6", "claude-opus-4-6-20250617"),
            ("CLAUDE_OPUS_4.6", "claude-opus-4-6-20250617"),
            ("claude-sonnet-4.5", "claude-sonnet-4-5-20250929"),
            ("sonnet-4-5", "claude-sonnet-4-5-20250929"),
            ("Sonnet  4.5", "claude-sonnet-4-5-20250929"),
            ("GPT 4o", "gpt-4o-2024-08-06"),
            ("gpt 4o mini", "gpt-4o-mini"),
            ("gpt-4-1", "gpt-4.1"),
            ("2.5 Pro", "gemini-2.5-pro"),
            ("OpenAI/GPT-4-1", "openai/gpt-4.1"),
        ] {
            assert_eq!(meant(name), [id], "{name}");
        }
    }

    #[test]
    fn another_family_is_never_meant() {
        for name in [
            "gpt-4",
            "gpt-4o-min",
            "gpt4o",
            "opus",
            "claude",
            "4o",
            "gpt-4o-mini-high",
            "sonnet-4",
            "llama3",
            "opus 46",
            "-",
            "",
        ] {
            assert_eq!(meant(name), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_written_date_is_that_date_or_the_undated_id_but_never_another_date() {
        for (name, ids) in [
            ("claude.opus.4.6.20250401", &["claude-opus-4-6-20250401"][..]),
            ("Opus 4.6 2025-04-01", &["claude-opus-4-6-20250401"]),
            ("claude-haiku-4-5-20251001", &["claude-haiku-4.5"]),
            ("claude-opus-4-6-20990101", &["claude-opus-4-6"]),
            ("claude-sonnet-4-5-20250101", &[]),
        ] {
            assert_eq!(meant(name), ids, "{name}");
        }
    }

    #[test]
    fn equal_claims_are_all_returned() {
        let index = FuzzyIndex::new(["gpt-4.1", "gpt-4-1", "GPT 4.1 2025-04-14", "gpt_4.1_20250414"]);
        assert_eq!(index.lookup(&Folded::new("gpt 4.1")).unwrap().positions, [2, 3]);
        let undated = FuzzyIndex::new(["gpt-4.1", "gpt-4-1"]);
        assert_eq!(undated.lookup(&Folded::new("GPT 4.1")).unwrap().positions, [0, 1]);
    }

    #[test]
    fn a_family_that_matches_as_written_beats_one_with_a_vendor_word_added() {
        let index = FuzzyIndex::new(["claude-opus-4-6-20250617", "opus-4.6"]);
        let hits = index.lookup(&Folded::new("Opus 4.6")).unwrap();
        assert_eq!((hits.positions, hits.grade.whole), (vec![1], true));
    }

    #[test]
    fn digits_that_are_no_date_stay_in_the_family() {
        for name in ["model-20251301", "model-20250132", "model-19990101", "model-2025-1-01", "model-0613", "20250101"]
        {
            assert_eq!(Folded::new(name).date, None, "{name}");
        }
    }

    #[test]
    fn suggestions_share_words_or_a_beginning() {
        let index = FuzzyIndex::new(LISTED.iter().copied());
        let names: Vec<_> = index.similar(&Folded::new("gpt-4oo"), 2).into_iter().map(|at| LISTED[at]).collect();
        assert_eq!(names, ["gpt-4o", "gpt-4o-mini"]);
        assert_eq!(index.similar(&Folded::new("zzz"), 3), [0; 0]);
    }

    #[test]
    fn the_longest_name_is_answered_against_five_thousand_models() {
        let ids: Vec<String> = (0..5_000).map(|n| format!("{}-{n}", "a-b".repeat(80))).collect();
        let index = FuzzyIndex::new(ids.iter().map(String::as_str));
        let name = Folded::new(&"a-".repeat(128));
        assert_eq!(index.lookup(&name), None);
        assert_eq!(index.similar(&name, 3).len(), 3);
    }

    proptest! {
        #[test]
        fn a_match_always_has_the_family_of_the_name_or_that_with_a_vendor_word(name in "[a-zA-Z0-9 ._/-]{0,40}") {
            let name = Folded::new(&name);
            if let Some(hits) = FuzzyIndex::new(LISTED.iter().copied()).lookup(&name) {
                for at in hits.positions {
                    let family = Folded::new(LISTED[at]).family;
                    let bare = VENDOR_WORDS.iter().find_map(|word| family.strip_prefix(word));
                    prop_assert!(family == name.family || bare == Some(name.family.as_str()));
                }
            }
        }

        #[test]
        fn every_listed_id_means_its_own_family_however_it_is_spelled(at in 0..LISTED.len(), upper: bool, separator in "[ ._-]{1,3}") {
            let spelled = LISTED[at].replace('-', &separator);
            let spelled = if upper { spelled.to_uppercase() } else { spelled };
            let hits = FuzzyIndex::new(LISTED.iter().copied()).lookup(&Folded::new(&spelled)).unwrap();
            prop_assert!(hits.positions.iter().all(|hit| Folded::new(LISTED[*hit]).family == Folded::new(LISTED[at]).family));
        }

        #[test]
        fn folding_never_panics_and_folding_twice_changes_nothing(name in "\\PC{0,80}") {
            let folded = Folded::new(&name);
            if folded.date.is_none() {
                prop_assert_eq!(Folded::new(&folded.family).family, folded.family);
            }
        }
    }
}
