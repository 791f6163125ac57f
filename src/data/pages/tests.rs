use super::*;

fn faces() -> Faces {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/pages/glyphs.bin");
    Faces::read("glyphs.bin", &std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn a_damaged_file_of_characters_is_refused() {
    for file in [&b""[..], &[3, 24], &[1, 24, 0, 0], &[3, 24, 0, 0, 0, 0, 9, 9, 1]] {
        let text = Faces::read("glyphs.bin", file).unwrap_err().to_string();
        assert!(text.contains("glyphs.bin"), "{text}");
    }
}

/// Sum of the pixels, each times its place modulo 251 plus 1.
fn checksum(pixels: &[u8]) -> u64 {
    pixels.iter().enumerate().map(|(ix, &pixel)| u64::from(pixel) * (ix as u64 % 251 + 1)).sum()
}

#[test]
fn pages_are_those_of_the_python_version() {
    let faces = faces();
    // Seed, index, rotation, kind, wear and checksum, as `models/train/draw.py` prints them: every kind and wear.
    for (seed, index, label, kind, wear, sum) in [
        (1, 0, 1, 1, 0, 1_531_665_294),
        (1, 1, 0, 0, 1, 1_325_924_735),
        (1, 2, 0, 0, 1, 1_395_271_930),
        (7, 0, 2, 2, 0, 1_504_852_594),
        (7, 3, 0, 3, 1, 1_368_913_875),
        (7, 10, 0, 4, 0, 1_297_531_812),
        (7, 25, 0, 5, 1, 1_353_361_841),
        (9, 59, 3, 1, 2, 1_381_330_540),
    ] {
        let page = page(&faces, seed, index);
        let about = (page.label, page.kind, page.wear, checksum(&page.pixels));
        assert_eq!(about, (label, kind, wear, sum), "seed {seed}, page {index}");
    }
}

#[test]
fn all_rotations_kinds_and_degrees_of_wear_occur() {
    let faces = faces();
    let pages: Vec<Page> = (0..400).map(|index| page(&faces, 3, index)).collect();
    let share =
        |of: &dyn Fn(&Page) -> bool| pages.iter().filter(|&page| of(page)).count() as f64 / 400.0;
    for label in 0..4 {
        assert!((share(&|page| page.label == label) - 0.25).abs() < 0.08);
    }
    for (kind, expected) in [0.42, 0.14, 0.14, 0.12, 0.10, 0.08].into_iter().enumerate() {
        assert!((share(&|page| page.kind == kind) - expected).abs() < 0.08, "{}", KINDS[kind]);
    }
    for (wear, expected) in [0.55, 0.32, 0.13].into_iter().enumerate() {
        assert!((share(&|page| page.wear == wear) - expected).abs() < 0.08);
    }
}

#[test]
fn every_page_has_ink_and_paper() {
    let faces = faces();
    for index in 0..200 {
        let values = page(&faces, 5, index).values();
        assert_eq!(values.len(), SIDE * SIDE);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let least = values.iter().copied().fold(1.0, f32::min);
        assert!(
            mean > least + 0.1 && values.iter().all(|value| (0.0..=1.0).contains(value)),
            "{index}"
        );
    }
}

#[test]
fn a_quarter_turn_is_clockwise_and_four_are_none() {
    let image: Vec<u8> = (0..SIDE * SIDE).map(|ix| (ix * 7 % 251) as u8).collect();
    let once = turned(&image, 1);
    assert_eq!(once[SIDE - 1], image[0]);
    assert_eq!(turned(&once, 1), turned(&image, 2));
    assert_eq!(turned(&turned(&image, 3), 1), image);
}
