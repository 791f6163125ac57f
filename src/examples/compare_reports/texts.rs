//! Sentences: what a clock wrote into them, and their numbers.

/// What follows a number that comes from a clock.
const UNITS_OF_TIME: [&str; 7] = ["×", "times", "ms", "µs", "μs", "ns", "s"];

/// A piece of a sentence.
enum Piece<'a> {
    Word(&'a str),
    /// As it is written, and whether a unit of time follows.
    Number(&'a str, bool),
}

/// The sentence with `#` for each number that comes from a clock.
pub fn without_times(text: &str) -> String {
    let piece = |piece: Piece| match piece {
        Piece::Number(_, true) => "#".to_string(),
        Piece::Number(number, false) => number.to_string(),
        Piece::Word(word) => word.to_string(),
    };
    pieces(text).into_iter().map(piece).collect()
}

/// The numbers of a sentence, without those that come from a clock.
pub fn numbers(text: &str) -> Vec<f64> {
    let number = |piece: Piece| match piece {
        Piece::Number(number, false) => number.replace(['−', ','], "").parse().ok(),
        _ => None,
    };
    pieces(text).into_iter().filter_map(number).collect()
}

/// A number that a cell of a table shows, and half of the last digit's worth.
pub fn shown(text: &str) -> Vec<(f64, f64)> {
    let read = |number: &str| {
        let plain = number.replace(',', "");
        let decimals = plain.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        plain.parse().ok().map(|value: f64| (value, 0.51 * 10f64.powi(-(decimals as i32))))
    };
    let number = |piece: Piece| match piece {
        Piece::Number(number, _) => read(number),
        Piece::Word(_) => None,
    };
    pieces(text).into_iter().filter_map(number).collect()
}

/// Splits at the borders of numbers; a digit inside of a word, as in "exit1" or "int8", starts none.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (vec![], text);
    let mut last = ' ';
    while let Some(first) = rest.chars().next() {
        let number = first.is_ascii_digit() && !last.is_alphanumeric() && last != '-';
        let belongs = |c: char| match number {
            true => c.is_ascii_digit() || matches!(c, '.' | ','),
            false => !c.is_ascii_digit(),
        };
        // The digits of a word are part of it.
        let end = rest[first.len_utf8()..].find(|c| !belongs(c)).map(|at| at + first.len_utf8());
        let mut piece = &rest[..end.unwrap_or(rest.len())];
        if number {
            // The full stop of a sentence is none of its last number.
            piece = piece.trim_end_matches(['.', ',']);
        }
        rest = &rest[piece.len()..];
        last = piece.chars().last().unwrap_or(' ');
        pieces.push(match number {
            true => Piece::Number(piece, is_time(rest)),
            false => Piece::Word(piece),
        });
    }
    pieces
}

fn is_time(after: &str) -> bool {
    let after = after.trim_start_matches([' ', '\u{a0}']);
    let word: String = after.chars().take_while(|c| c.is_alphabetic() || *c == '×').collect();
    UNITS_OF_TIME.contains(&word.as_str())
}
