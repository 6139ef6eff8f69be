//! A disc with a few small files at its root: ISO 9660 with Joliet (ECMA-119; Joliet 1995), so that Linux and Windows see the
//! names as they are. A pure function: no time stands on it.

use std::iter;

const SECTOR: usize = 2048;

/// Where each part begins. The first sixteen sectors are nobody's.
const DESCRIPTORS: usize = 16;
/// Four tables of paths: little-endian and big-endian, for each tree.
const TABLES: usize = 19;
const PRIMARY_ROOT: usize = 23;
const JOLIET_ROOT: usize = 24;
const FILES: usize = 25;

/// The first second of 2000: a date must be one.
const DATE: [u8; 7] = [100, 1, 1, 0, 0, 0, 0];
const NO_DATE: &[u8; 17] = b"0000000000000000\0";

/// The bytes. All names together must fit into one sector, twice their length each.
pub fn image(label: &str, files: &[(&str, String)]) -> Vec<u8> {
    let mut at = FILES;
    let mut placed = Vec::new();
    for (name, text) in files {
        placed.push(Placed { name, sector: at, bytes: text.len() });
        at += text.len().div_ceil(SECTOR);
    }
    let trees = [Tree::Primary, Tree::Joliet];
    let mut disc = vec![0; DESCRIPTORS * SECTOR];
    for tree in trees {
        sector(&mut disc, tree.descriptor(label, at));
    }
    sector(&mut disc, iter::once(255).chain(*b"CD001\x01").collect());
    for tree in trees {
        let [low, high] = [(tree.root() as u32).to_le_bytes(), (tree.root() as u32).to_be_bytes()];
        sector(&mut disc, [&[1, 0][..], &low, &[1, 0, 0, 0]].concat());
        sector(&mut disc, [&[1, 0][..], &high, &[0, 1, 0, 0]].concat());
    }
    for tree in trees {
        sector(&mut disc, tree.folder(&placed));
    }
    for (_, text) in files {
        disc.extend(text.as_bytes());
        disc.resize(disc.len().next_multiple_of(SECTOR), 0);
    }
    disc
}

fn sector(disc: &mut Vec<u8>, mut bytes: Vec<u8>) {
    bytes.resize(SECTOR, 0);
    disc.extend(bytes);
}

struct Placed<'a> {
    name: &'a str,
    sector: usize,
    bytes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tree {
    /// Short names in capitals, for whoever knows no better.
    Primary,
    /// The names as they are, in UCS-2.
    Joliet,
}

impl Tree {
    fn root(self) -> usize {
        match self {
            Self::Primary => PRIMARY_ROOT,
            Self::Joliet => JOLIET_ROOT,
        }
    }

    /// Text in a field of fixed length, filled up with blanks.
    fn field(self, text: &str, bytes: usize) -> Vec<u8> {
        let mut field: Vec<u8> = match self {
            Self::Primary => text.to_uppercase().bytes().collect(),
            Self::Joliet => ucs2(text),
        };
        let blank = if self == Self::Primary { &b" "[..] } else { &[0, b' '] };
        field.extend(blank.repeat(bytes));
        field.truncate(bytes);
        field
    }

    fn descriptor(self, label: &str, sectors: usize) -> Vec<u8> {
        let (kind, escape, table) = match self {
            Self::Primary => (1, [0; 3], TABLES),
            Self::Joliet => (2, *b"%/E", TABLES + 2),
        };
        [
            &[kind][..],
            b"CD001\x01\0",
            &self.field("", 32),
            &self.field(label, 32),
            &[0; 8],
            &both32(sectors),
            &escape,
            &[0; 29],
            &both16(1),
            &both16(1),
            &both16(SECTOR),
            &both32(10),
            &(table as u32).to_le_bytes(),
            &[0; 4],
            &(table as u32 + 1).to_be_bytes(),
            &[0; 4],
            &record(&[0], self.root(), SECTOR, true),
            &self.field("", 128 * 4),
            &self.field("", 37 * 3),
            &NO_DATE.repeat(4),
            &[1, 0],
        ]
        .concat()
    }

    fn name(self, name: &str) -> Vec<u8> {
        match self {
            Self::Joliet => ucs2(name),
            Self::Primary => {
                let plain = |text: &str, most: usize| -> String {
                    let plain = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte) } else { '_' };
                    text.bytes().map(plain).take(most).collect()
                };
                let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
                format!("{}.{};1", plain(stem, 8), plain(end, 3)).to_uppercase().into_bytes()
            }
        }
    }

    fn folder(self, files: &[Placed<'_>]) -> Vec<u8> {
        let mut names: Vec<_> = files.iter().map(|file| (self.name(file.name), file)).collect();
        names.sort_by(|one, other| one.0.cmp(&other.0));
        let own = [record(&[0], self.root(), SECTOR, true), record(&[1], self.root(), SECTOR, true)];
        let files = names.iter().map(|(name, file)| record(name, file.sector, file.bytes, false));
        own.into_iter().chain(files).flatten().collect()
    }
}

/// An entry of a folder.
fn record(name: &[u8], sector: usize, bytes: usize, is_folder: bool) -> Vec<u8> {
    let length = (33 + name.len()).next_multiple_of(2);
    let mut record = [
        &[length as u8, 0][..],
        &both32(sector),
        &both32(bytes),
        &DATE,
        &[if is_folder { 2 } else { 0 }, 0, 0],
        &both16(1),
        &[name.len() as u8],
        name,
    ]
    .concat();
    record.resize(length, 0);
    record
}

fn ucs2(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// A number in both orders of bytes.
fn both32(number: usize) -> Vec<u8> {
    let number = number as u32;
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

fn both16(number: usize) -> Vec<u8> {
    let number = number as u16;
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_the_same_each_time_and_whole_sectors() {
        let big = "x".repeat(70_000);
        let disc = image("DROVER", &[("a", big.clone()), ("empty", String::new())]);
        assert_eq!(disc, image("DROVER", &[("a", big), ("empty", String::new())]));
        assert_eq!(disc.len() % SECTOR, 0);
    }
}
