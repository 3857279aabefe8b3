//! Passwords that are guessed first (NIST SP 800-63B §5.1.1.2: compare with those that are commonly used). Twelve
//! characters rule out most of the lists there are; what is left of them are words and rows of keys, made longer.

/// Words that passwords are made of most often, and this program's name.
const WORDS: &[&str] = &[
    "access",
    "admin",
    "administrator",
    "baseball",
    "batman",
    "changeme",
    "computer",
    "correcthorsebatterystaple",
    "default",
    "dragon",
    "flower",
    "football",
    "freedom",
    "hallo",
    "hello",
    "hunter",
    "iloveyou",
    "internet",
    "jesus",
    "keyward",
    "letmein",
    "login",
    "love",
    "master",
    "michael",
    "monkey",
    "mustang",
    "ninja",
    "owner",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "princess",
    "root",
    "samsung",
    "secret",
    "server",
    "shadow",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "temp",
    "test",
    "user",
    "welcome",
    "whatever",
    "winter",
];

/// Rows of keys and of signs, which are typed one after the other, in either direction.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "yxcvbnm",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "1q2w3e4r5t6y7u8i9o0p",
    "!@#$%^&*()",
];

/// How many signs of a row are a part of one.
const RUN: usize = 4;
/// From how many signs on that are left, when words, rows, years and repetitions count as one sign each, it takes long.
const LEAST: usize = 8;

/// Whether a password is among those that are guessed first: common words, rows of keys, years, repetitions, and these
/// words of its owner's, in any order, with little besides.
pub fn is_guessable(password: &str, own: &[&str]) -> bool {
    let typed: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    let plain: Vec<char> = typed.iter().map(|sign| letter(*sign)).collect();
    let own = own.iter().map(|word| word.to_lowercase()).filter(|word| word.chars().count() >= RUN);
    let words: Vec<Vec<char>> =
        WORDS.iter().map(|word| (*word).to_owned()).chain(own).map(|word| word.chars().collect()).collect();
    let (mut at, mut count) = (0, 0);
    while at < typed.len() {
        let longest = words.iter().filter(|word| plain[at..].starts_with(word) || typed[at..].starts_with(word));
        let length =
            [longest.map(Vec::len).max().unwrap_or(0), row(&typed[at..]), year(&typed[at..]), again(&typed, at)];
        at += length.into_iter().max().unwrap_or(0).max(1);
        count += 1;
    }
    count < LEAST
}

/// The letter that a sign is written for.
fn letter(sign: char) -> char {
    match sign {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// How many signs at the beginning are a part of a row.
fn row(signs: &[char]) -> usize {
    let along = |row: Vec<char>| {
        let starts = (0..row.len()).map(|from| row[from..].iter().zip(signs).take_while(|(a, b)| a == b).count());
        starts.max().unwrap_or(0)
    };
    let both = ROWS.iter().flat_map(|row| [row.chars().collect(), row.chars().rev().collect()]);
    both.map(along).max().filter(|length| *length >= RUN).unwrap_or(0)
}

/// How many signs at the beginning are a year.
fn year(signs: &[char]) -> usize {
    let is_year = signs.len() >= 4
        && signs[..4].iter().all(char::is_ascii_digit)
        && (signs.starts_with(&['1', '9']) || signs.starts_with(&['2', '0']));
    if is_year { 4 } else { 0 }
}

/// How many signs from here on repeat those right before.
fn again(signs: &[char], at: usize) -> usize {
    let repeats = |length: usize| {
        let block = &signs[at - length..at];
        let same = signs[at..].iter().zip(block.iter().cycle()).take_while(|(a, b)| a == b).count();
        if same >= length { same } else { 0 }
    };
    (1..=at).map(repeats).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first() {
        for password in [
            "password1234",
            "P@ssw0rd2026!",
            "passwordpassword",
            "qwertyuiop123",
            "123456789012",
            "abcabcabcabc",
            "letmeinletmein",
            "aaaaaaaaaaaaaaaa",
            "Welcome2Keyward",
            "1qaz2wsx3edc",
            "ada.lovelace2025",
            "zyxwvutsrqponm",
            "correct horse",
            "iloveyou!!!!",
            "administrator",
            "2024-2025-2026",
        ] {
            assert!(
                is_guessable(password, &["ada.lovelace@example.com", "ada.lovelace", "correct", "horse"]),
                "{password}"
            );
        }
    }

    #[test]
    fn what_takes_long() {
        for password in [
            "seven green bicycles",
            "nine blue kettles",
            "Xq7!vL2#pR9z",
            "mycatlikesrain",
            "der Regen bleibt aus",
            "kq83hfn2lsd0",
            "トマトと胡瓜と茄子と葱",
            "password of the year 2026",
        ] {
            assert!(!is_guessable(password, &["ada@example.com", "ada"]), "{password}");
        }
    }

    #[test]
    fn nothing_and_what_is_no_text_are_looked_at_as_well() {
        assert!(is_guessable("", &[]));
        assert!(is_guessable(
            "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
            &[]
        ));
    }
}
