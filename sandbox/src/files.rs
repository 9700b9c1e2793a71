//! Reading and writing below the data folder. A file is either there in full or not at all, whenever we are killed.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::SandboxError;

/// Makes a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), SandboxError> {
    fs::create_dir_all(path).map_err(|source| file_error(path, source))
}

/// Writes beside the place and renames, so that nobody ever sees half a file.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), SandboxError> {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    attempt().map_err(|source| file_error(path, source))
}

/// Writes a record as JSON.
pub(crate) fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<(), SandboxError> {
    let json =
        serde_json::to_vec_pretty(record).map_err(|source| SandboxError::Record { path: path.to_owned(), source })?;
    write(path, &json)
}

/// Reads a record; `None` when there is none.
pub(crate) fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, SandboxError> {
    let Some(json) = read(path)? else {
        return Ok(None);
    };
    let record =
        serde_json::from_slice(&json).map_err(|source| SandboxError::Record { path: path.to_owned(), source })?;
    Ok(Some(record))
}

/// Reads a file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, SandboxError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file_error(path, source)),
    }
}

/// Adapts a system error to the path it is about.
pub(crate) fn file_error(path: &Path, source: io::Error) -> SandboxError {
    SandboxError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_comes_back_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        assert_eq!(read_record::<Vec<u32>>(&path).unwrap(), None);
        write_record(&path, &vec![1_u32, 2]).unwrap();
        assert_eq!(read_record::<Vec<u32>>(&path).unwrap(), Some(vec![1, 2]));
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file stays behind");
    }
}
