//! As much of the protobuf wire format as is needed to look at an ONNX file without reading it.
//!
//! Two reasons. A file that is no model must be refused at once, however large it is: the fields of the message are walked
//! and their contents skipped. And tract's own reader drops the metadata of nodes, where PyTorch's default exporter keeps
//! the path of the module. Field numbers: onnx.proto, `ModelProto`, `GraphProto`, `NodeProto`.

use std::io::{self, Read, Seek};

/// Metadata of the nodes of the main graph, in the order of the file: key and value.
pub(super) type NodeMetadata = Vec<Vec<(String, String)>>;

/// What made it clear that the file is no ONNX model.
#[derive(Debug)]
pub(super) enum WireError {
    /// The file could not be read.
    Io(io::Error),
    /// It ends inside a field.
    Truncated,
    /// It is no protobuf message, or not that of a model.
    NotOnnx,
    /// A message without a graph, such as a file of one byte.
    NoGraph,
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { WireError::Truncated } else { WireError::Io(error) }
    }
}

const MODEL_GRAPH: u32 = 7;
const GRAPH_NODE: u32 = 1;
const NODE_METADATA: u32 = 9;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;

/// Fields of `ModelProto`: versions 1 to 6, graph 7, operator sets 8, metadata 14, training 20, functions 25,
/// configuration 26.
const MODEL_FIELDS: &[u32] = &[1, 2, 3, 4, 5, 6, MODEL_GRAPH, 8, 14, 20, 25, 26];

/// Walks over a file and returns the metadata of its nodes.
pub(super) fn scan(file: &mut (impl Read + Seek), length: u64) -> Result<NodeMetadata, WireError> {
    let mut nodes = None;
    let mut reader = Reader { file, position: 0, end: length };
    while let Some((field, size)) = reader.field()? {
        if !MODEL_FIELDS.contains(&field) {
            return Err(WireError::NotOnnx);
        }
        let end = reader.position + size;
        if field == MODEL_GRAPH {
            let mut graph = Reader { file: &mut *reader.file, position: reader.position, end };
            nodes = Some(graph.nodes()?);
            reader.position = end;
        } else {
            reader.skip(size)?;
        }
    }
    nodes.ok_or(WireError::NoGraph)
}

struct Reader<'a, F> {
    file: &'a mut F,
    position: u64,
    end: u64,
}

impl<F: Read + Seek> Reader<'_, F> {
    fn byte(&mut self) -> Result<u8, WireError> {
        if self.position >= self.end {
            return Err(WireError::Truncated);
        }
        let mut byte = [0];
        self.file.read_exact(&mut byte)?;
        self.position += 1;
        Ok(byte[0])
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::NotOnnx)
    }

    /// The number of the next field and the size of what follows; a varint's value is already behind. None at the end.
    fn field(&mut self) -> Result<Option<(u32, u64)>, WireError> {
        if self.position == self.end {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = u32::try_from(key >> 3).ok().filter(|field| *field > 0).ok_or(WireError::NotOnnx)?;
        let size = match key & 7 {
            0 => {
                self.varint()?;
                0
            }
            1 => 8,
            2 => self.varint()?,
            5 => 4,
            _ => return Err(WireError::NotOnnx),
        };
        if size > self.end - self.position {
            return Err(WireError::Truncated);
        }
        Ok(Some((field, size)))
    }

    fn skip(&mut self, size: u64) -> Result<(), WireError> {
        self.file.seek_relative(i64::try_from(size).map_err(|_| WireError::Truncated)?)?;
        self.position += size;
        Ok(())
    }

    fn nodes(&mut self) -> Result<NodeMetadata, WireError> {
        let mut nodes = Vec::new();
        while let Some((field, size)) = self.field()? {
            if field == GRAPH_NODE {
                let mut metadata = Vec::new();
                let end = self.position + size;
                let mut node = Reader { file: &mut *self.file, position: self.position, end };
                while let Some((field, size)) = node.field()? {
                    if field == NODE_METADATA { metadata.push(node.entry(size)?) } else { node.skip(size)? }
                }
                nodes.push(metadata);
                self.position = end;
            } else {
                self.skip(size)?;
            }
        }
        Ok(nodes)
    }

    /// A `StringStringEntryProto` of `size` bytes.
    fn entry(&mut self, size: u64) -> Result<(String, String), WireError> {
        let (mut key, mut value) = (String::new(), String::new());
        let end = self.position + size;
        let mut entry = Reader { file: &mut *self.file, position: self.position, end };
        while let Some((field, size)) = entry.field()? {
            match field {
                ENTRY_KEY => key = entry.text(size)?,
                ENTRY_VALUE => value = entry.text(size)?,
                _ => entry.skip(size)?,
            }
        }
        self.position = end;
        Ok((key, value))
    }

    fn text(&mut self, size: u64) -> Result<String, WireError> {
        let mut bytes = Vec::new();
        self.file.by_ref().take(size).read_to_end(&mut bytes)?;
        self.position += size;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn scan_bytes(bytes: &[u8]) -> Result<NodeMetadata, WireError> {
        scan(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn metadata_of_nodes_is_found_in_their_order() {
        let entry = [&[0x4a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'][..]].concat();
        let mut graph = vec![0x0a, 3, 0x22, 1, b'A', 0x12, 1, b'g', 0x0a, entry.len() as u8];
        graph.extend(&entry);
        let mut model = vec![0x08, 10, 0x3a, graph.len() as u8];
        model.extend(&graph);
        let nodes = scan_bytes(&model).unwrap();
        assert_eq!(nodes, [vec![], vec![("k".to_owned(), "v".to_owned())]]);
        assert!(matches!(scan_bytes(&model[..model.len() - 1]), Err(WireError::Truncated)));
    }

    #[test]
    fn what_is_no_model_is_refused_where_it_shows() {
        assert!(matches!(scan_bytes(&[0; 64]), Err(WireError::NotOnnx)));
        assert!(matches!(scan_bytes(b"import torch\n"), Err(WireError::NotOnnx)));
        assert!(matches!(scan_bytes(&[0xff; 64]), Err(WireError::NotOnnx)));
        assert!(matches!(scan_bytes(&[0x08, 10]), Err(WireError::NoGraph)));
        let sparse = Cursor::new(vec![0; 16]);
        assert!(scan(&mut { sparse }, 3 << 30).is_err());
    }
}
