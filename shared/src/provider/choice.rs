//! Options that a provider numbers: read as the number or as a word for it, sent as the number.

/// Makes an enum whose values are a provider's numbers. In a preset, `exif = 1` and `exif = "random"` mean the same.
macro_rules! numbered_choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $number:literal $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$value_doc])* $value),+ }

        impl $name {
            /// The provider's number.
            #[must_use]
            pub fn number(self) -> u8 {
                match self { $(Self::$value => $number),+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8(self.number())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl serde::de::Visitor<'_> for Reader {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("one of" $(, " ", $number, " \"", $word, "\"")+))
                    }
                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$name, E> {
                        match number {
                            $($number => Ok($name::$value),)+
                            _ => Err(E::invalid_value(serde::de::Unexpected::Signed(number), &self)),
                        }
                    }
                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$name, E> {
                        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
                    }
                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        match word {
                            $($word => Ok($name::$value),)+
                            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                        }
                    }
                }
                deserializer.deserialize_any(Reader)
            }
        }
    };
}

pub(super) use numbered_choice;
