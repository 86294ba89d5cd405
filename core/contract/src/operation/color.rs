//! A colour as a parameter: `#rrggbb`, `#rrggbbaa` or one of a few names.

use std::fmt;
use std::str::FromStr;

/// A colour of 8 bits a channel; colours are not multiplied by alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// 255 is opaque, 0 transparent.
    pub alpha: u8,
}

impl Color {
    /// Opaque black.
    pub const BLACK: Self = Self::opaque(0, 0, 0);

    /// The names that are read; CSS knows them by the same values.
    pub(crate) const NAMES: [(&'static str, Self); 8] = [
        ("black", Self::BLACK),
        ("white", Self::opaque(255, 255, 255)),
        ("gray", Self::opaque(128, 128, 128)),
        ("red", Self::opaque(255, 0, 0)),
        ("green", Self::opaque(0, 128, 0)),
        ("blue", Self::opaque(0, 0, 255)),
        ("yellow", Self::opaque(255, 255, 0)),
        ("transparent", Self { red: 0, green: 0, blue: 0, alpha: 0 }),
    ];

    /// A colour that nothing shows through.
    pub const fn opaque(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue, alpha: 255 }
    }

    /// Whether nothing shows through.
    pub fn is_opaque(self) -> bool {
        self.alpha == 255
    }

    /// Whether it has no hue.
    pub fn is_gray(self) -> bool {
        self.red == self.green && self.green == self.blue
    }
}

/// Prints the digits, whatever name it was read by; alpha only where it says something.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { red, green, blue, alpha } = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")?;
        if self.is_opaque() { Ok(()) } else { write!(f, "{alpha:02x}") }
    }
}

impl FromStr for Color {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((_, color)) = Self::NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*color);
        }
        let digits = text.strip_prefix('#').ok_or(())?;
        // `from_str_radix` would take a sign as well.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        let channel = |i: usize| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| ());
        let alpha = match digits.len() {
            6 => 255,
            8 => channel(3)?,
            _ => return Err(()),
        };
        Ok(Self { red: channel(0)?, green: channel(1)?, blue: channel(2)?, alpha })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_names_are_read_and_nothing_else() {
        assert_eq!("#FF8000".parse(), Ok(Color::opaque(255, 128, 0)));
        assert_eq!("#01020304".parse(), Ok(Color { red: 1, green: 2, blue: 3, alpha: 4 }));
        assert_eq!("white".parse(), Ok(Color::opaque(255, 255, 255)));
        for wrong in ["", "#", "ff8000", "#ff80", "#ff80000", "#+f8000", "#ff80é", "White"] {
            assert_eq!(wrong.parse::<Color>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn what_is_printed_reads_back_the_same() {
        for (_, color) in Color::NAMES {
            assert_eq!(color.to_string().parse(), Ok(color));
        }
    }
}
