//! ZIP archives that are written as they go: members are stored as they are, as pictures do not get
//! smaller, and what is only known at the end of one stands behind it. ZIP64 where it has to be.
//!
//! It makes bytes and writes nothing itself.

use crc32fast::Hasher;

/// What a member's name is in, and that its sizes stand behind it.
const FLAGS: u16 = 1 << 11 | 1 << 3;

/// What whoever reads it has to know: version 2.0, or 4.5 for ZIP64.
const PLAIN: u16 = 20;
const ZIP64: u16 = 45;

/// The first of January 1980: archives of the same batch are the same bytes.
const DATE: u16 = 1 << 5 | 1;

/// An archive that is being written.
#[derive(Debug, Default)]
pub(crate) struct Zip {
    members: Vec<Member>,
    /// Bytes so far.
    at: u64,
    open: Option<Hasher>,
}

#[derive(Debug)]
struct Member {
    name: String,
    offset: u64,
    crc: u32,
    bytes: u32,
}

/// Numbers, small end first, one after the other.
fn words(shorts: &[u16], into: &mut Vec<u8>) {
    for short in shorts {
        into.extend_from_slice(&short.to_le_bytes());
    }
}

impl Zip {
    fn written(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.at += bytes.len() as u64;
        bytes
    }

    /// Begins a member.
    pub(crate) fn begin(&mut self, name: &str) -> Vec<u8> {
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let name = name[..name.floor_char_boundary(usize::from(length))].to_owned();
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let mut bytes = b"PK\x03\x04".to_vec();
        words(&[PLAIN, FLAGS, 0, 0, DATE], &mut bytes);
        bytes.extend_from_slice(&[0; 12]);
        words(&[length, 0], &mut bytes);
        bytes.extend_from_slice(name.as_bytes());
        self.members.push(Member { name, offset: self.at, crc: 0, bytes: 0 });
        self.open = Some(Hasher::new());
        self.written(bytes)
    }

    /// Bytes of the member, which are written as they are. One is shorter than 4 GB.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        if let (Some(hasher), Some(member)) = (&mut self.open, self.members.last_mut()) {
            hasher.update(bytes);
            member.bytes =
                member.bytes.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        }
        self.at += bytes.len() as u64;
    }

    /// So many bytes of the member, for whoever only wants to know how long an archive gets.
    pub(crate) fn pass(&mut self, bytes: u64) {
        self.at += bytes;
    }

    /// Ends the member.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let mut bytes = b"PK\x07\x08".to_vec();
        if let (Some(hasher), Some(member)) = (self.open.take(), self.members.last_mut()) {
            member.crc = hasher.finalize();
            for word in [member.crc, member.bytes, member.bytes] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
        }
        self.written(bytes)
    }

    /// What stands behind all members: the directory.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut bytes = vec![];
        for member in &self.members {
            member.directory_entry(&mut bytes);
        }
        let (count, size) = (self.members.len() as u64, bytes.len() as u64);
        let short_count = u16::try_from(count).unwrap_or(u16::MAX);
        let short_size = u32::try_from(size).unwrap_or(u32::MAX);
        let short_at = u32::try_from(self.at).unwrap_or(u32::MAX);
        if short_count == u16::MAX || short_size == u32::MAX || short_at == u32::MAX {
            bytes.extend_from_slice(b"PK\x06\x06");
            bytes.extend_from_slice(&44_u64.to_le_bytes());
            words(&[ZIP64, ZIP64, 0, 0, 0, 0], &mut bytes);
            for word in [count, count, size, self.at] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            bytes.extend_from_slice(&(self.at + size).to_le_bytes());
            bytes.extend_from_slice(&1_u32.to_le_bytes());
        }
        bytes.extend_from_slice(b"PK\x05\x06");
        words(&[0, 0, short_count, short_count], &mut bytes);
        bytes.extend_from_slice(&short_size.to_le_bytes());
        bytes.extend_from_slice(&short_at.to_le_bytes());
        words(&[0], &mut bytes);
        bytes
    }
}

impl Member {
    fn directory_entry(&self, bytes: &mut Vec<u8>) {
        let offset = u32::try_from(self.offset).unwrap_or(u32::MAX);
        let is_far = offset == u32::MAX;
        let version = if is_far { ZIP64 } else { PLAIN };
        bytes.extend_from_slice(b"PK\x01\x02");
        words(&[version, version, FLAGS, 0, 0, DATE], bytes);
        for word in [self.crc, self.bytes, self.bytes] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let name = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        let extra = if is_far { 12 } else { 0 };
        words(&[name, extra, 0, 0, 0, 0, 0], bytes);
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        if is_far {
            words(&[1, 8], bytes);
            bytes.extend_from_slice(&self.offset.to_le_bytes());
        }
    }
}
