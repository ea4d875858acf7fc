//! As much of the protobuf wire format as is needed to look at an ONNX file without reading it.
//!
//! Two reasons. A file that is no model must be refused at once, however large it is: the fields of the message are walked
//! and their contents skipped. And tract's own reader drops the metadata of nodes, where PyTorch's default exporter keeps
//! the path of the module, and the functions that a model brings along. Field numbers: onnx.proto, `ModelProto`,
//! `GraphProto`, `NodeProto`, `FunctionProto`.

use std::io::{self, Read, Seek};

/// Metadata of the nodes of the main graph, in the order of the file: key and value.
pub(super) type NodeMetadata = Vec<Vec<(String, String)>>;

/// What tract's reader leaves out of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Metadata of the nodes of the main graph.
    pub(super) nodes: NodeMetadata,
    /// The functions of the model, in the order of the file.
    pub(super) functions: Vec<FunctionMessage>,
}

/// A function of a model, its nodes still encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FunctionMessage {
    /// What its callers name as their domain.
    pub(super) domain: String,
    /// What its callers name as their operator.
    pub(super) name: String,
    /// Tells functions of one name apart.
    pub(super) overload: String,
    /// The tensors that it takes.
    pub(super) inputs: Vec<String>,
    /// The tensors that it gives.
    pub(super) outputs: Vec<String>,
    /// The operator sets that its nodes count on: domain and version.
    pub(super) operator_sets: Vec<(String, i64)>,
    /// A `ModelProto` with its nodes, behind one node that holds the attributes that have a default.
    pub(super) body: Vec<u8>,
    /// Metadata of its nodes.
    pub(super) nodes: NodeMetadata,
}

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
const NODE_OVERLOAD: u32 = 8;
const NODE_METADATA: u32 = 9;
const NODE_ATTRIBUTE: u32 = 5;
const ENTRY_KEY: u32 = 1;
const ENTRY_VALUE: u32 = 2;
const MODEL_FUNCTION: u32 = 25;
const FUNCTION_NAME: u32 = 1;
const FUNCTION_INPUT: u32 = 4;
const FUNCTION_OUTPUT: u32 = 5;
const FUNCTION_NODE: u32 = 7;
const FUNCTION_OPERATOR_SET: u32 = 9;
const FUNCTION_DOMAIN: u32 = 10;
const FUNCTION_ATTRIBUTE: u32 = 11;
const FUNCTION_OVERLOAD: u32 = 13;
const SET_DOMAIN: u32 = 1;
const SET_VERSION: u32 = 2;

/// The key under which a node's overload is among its metadata: which of several functions of one name it calls.
pub(super) const OVERLOAD: &str = "overload";

/// Fields of `ModelProto`: versions 1 to 6, graph 7, operator sets 8, metadata 14, training 20, functions 25,
/// configuration 26.
const MODEL_FIELDS: &[u32] = &[1, 2, 3, 4, 5, 6, MODEL_GRAPH, 8, 14, 20, 25, 26];

/// Walks over a file and returns what tract's reader leaves out.
pub(super) fn scan(file: &mut (impl Read + Seek), length: u64) -> Result<Scan, WireError> {
    let mut nodes = None;
    let mut functions = vec![];
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
        } else if field == MODEL_FUNCTION {
            let mut function = Reader { file: &mut *reader.file, position: reader.position, end };
            functions.push(function.function()?);
            reader.position = end;
        } else {
            reader.skip(size)?;
        }
    }
    Ok(Scan { nodes: nodes.ok_or(WireError::NoGraph)?, functions })
}

/// A field whose value is a message or text.
fn write_field(into: &mut Vec<u8>, field: u32, value: &[u8]) {
    write_varint(into, u64::from(field << 3 | 2));
    write_varint(into, value.len() as u64);
    into.extend(value);
}

fn write_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
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
            if field == GRAPH_NODE { nodes.push(self.node(size)?) } else { self.skip(size)? }
        }
        Ok(nodes)
    }

    /// The metadata of a node of `size` bytes.
    fn node(&mut self, size: u64) -> Result<Vec<(String, String)>, WireError> {
        let mut metadata = Vec::new();
        let end = self.position + size;
        let mut node = Reader { file: &mut *self.file, position: self.position, end };
        while let Some((field, size)) = node.field()? {
            match field {
                NODE_METADATA => metadata.push(node.entry(size)?),
                NODE_OVERLOAD if size > 0 => metadata.push((OVERLOAD.into(), node.text(size)?)),
                _ => node.skip(size)?,
            }
        }
        self.position = end;
        Ok(metadata)
    }

    /// The function that the reader is at.
    fn function(&mut self) -> Result<FunctionMessage, WireError> {
        let mut function = FunctionMessage::default();
        let (mut nodes, mut defaults) = (Vec::new(), Vec::new());
        while let Some((field, size)) = self.field()? {
            match field {
                FUNCTION_NAME => function.name = self.text(size)?,
                FUNCTION_DOMAIN => function.domain = self.text(size)?,
                FUNCTION_OVERLOAD => function.overload = self.text(size)?,
                FUNCTION_INPUT => function.inputs.push(self.text(size)?),
                FUNCTION_OUTPUT => function.outputs.push(self.text(size)?),
                FUNCTION_ATTRIBUTE => write_field(&mut defaults, NODE_ATTRIBUTE, &self.bytes(size)?),
                FUNCTION_OPERATOR_SET => {
                    let bytes = self.bytes(size)?;
                    let end = bytes.len() as u64;
                    let mut set = Reader { file: &mut io::Cursor::new(bytes), position: 0, end };
                    function.operator_sets.push(set.operator_set()?);
                }
                FUNCTION_NODE => {
                    let bytes = self.bytes(size)?;
                    let mut node = Reader { file: &mut io::Cursor::new(&bytes), position: 0, end: size };
                    function.nodes.push(node.node(size)?);
                    write_field(&mut nodes, GRAPH_NODE, &bytes);
                }
                _ => self.skip(size)?,
            }
        }
        let mut graph = Vec::new();
        write_field(&mut graph, GRAPH_NODE, &defaults);
        graph.extend(nodes);
        write_field(&mut function.body, MODEL_GRAPH, &graph);
        Ok(function)
    }

    /// An `OperatorSetIdProto`, to its end.
    fn operator_set(&mut self) -> Result<(String, i64), WireError> {
        let (mut domain, mut version) = (String::new(), 0);
        while self.position < self.end {
            let key = self.varint()?;
            if key == u64::from(SET_VERSION << 3) {
                version = self.varint()?.cast_signed();
            } else if key == u64::from(SET_DOMAIN << 3 | 2) {
                let size = self.varint()?;
                if size > self.end - self.position {
                    return Err(WireError::Truncated);
                }
                domain = self.text(size)?;
            } else {
                return Err(WireError::NotOnnx);
            }
        }
        Ok((domain, version))
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
        Ok(String::from_utf8_lossy(&self.bytes(size)?).into_owned())
    }

    fn bytes(&mut self, size: u64) -> Result<Vec<u8>, WireError> {
        let mut bytes = Vec::new();
        self.file.by_ref().take(size).read_to_end(&mut bytes)?;
        self.position += size;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn scan_bytes(bytes: &[u8]) -> Result<Scan, WireError> {
        scan(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn metadata_of_nodes_is_found_in_their_order() {
        let entry = [&[0x4a, 6, 0x0a, 1, b'k', 0x12, 1, b'v'][..]].concat();
        let mut graph = vec![0x0a, 3, 0x22, 1, b'A', 0x12, 1, b'g', 0x0a, entry.len() as u8];
        graph.extend(&entry);
        let mut model = vec![0x08, 10, 0x3a, graph.len() as u8];
        model.extend(&graph);
        let Scan { nodes, .. } = scan_bytes(&model).unwrap();
        assert_eq!(nodes, [vec![], vec![("k".to_owned(), "v".to_owned())]]);
        assert!(matches!(scan_bytes(&model[..model.len() - 1]), Err(WireError::Truncated)));
    }

    #[test]
    fn functions_are_kept_with_their_nodes_and_defaults() {
        let field = |field: u32, value: &[u8]| {
            let mut bytes = vec![];
            write_field(&mut bytes, field, value);
            bytes
        };
        let node =
            [field(4, b"Relu"), field(8, b"fast"), field(9, &[field(1, b"k"), field(2, b"v")].concat())].concat();
        let function = [
            field(FUNCTION_NAME, b"Block"),
            field(FUNCTION_DOMAIN, b"mine"),
            field(FUNCTION_INPUT, b"x"),
            field(FUNCTION_OUTPUT, b"y"),
            field(FUNCTION_NODE, &node),
            field(FUNCTION_ATTRIBUTE, b"\x0a\x01a"),
            field(FUNCTION_OPERATOR_SET, &[field(SET_DOMAIN, b""), vec![0x10, 17]].concat()),
        ];
        let model = [field(MODEL_FUNCTION, &function.concat()), field(MODEL_GRAPH, b"")].concat();
        let Scan { functions, .. } = scan_bytes(&model).unwrap();
        let [function] = &functions[..] else { panic!("one function") };
        assert_eq!((function.domain.as_str(), function.name.as_str()), ("mine", "Block"));
        assert_eq!((&function.inputs[..], &function.outputs[..]), (&["x".to_owned()][..], &["y".to_owned()][..]));
        assert_eq!(function.operator_sets, [(String::new(), 17)]);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(function.nodes, [vec![pair(OVERLOAD, "fast"), pair("k", "v")]]);
        let defaults = field(NODE_ATTRIBUTE, b"\x0a\x01a");
        let graph = [field(GRAPH_NODE, &defaults), field(GRAPH_NODE, &node)].concat();
        assert_eq!(function.body, field(MODEL_GRAPH, &graph));
        assert!(scan_bytes(&model[..model.len() - 9]).is_err());
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
