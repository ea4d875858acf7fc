//! The modules that a network was written in (`layer3.0.conv1`), as far as its file still tells.
//!
//! PyTorch's default exporter records them; the one through TorchScript spells them in the names of nodes, where a container
//! is repeated before its members (`/layer3/layer3.0/conv1/Conv`), and a module that is called again has a number behind its
//! name (`/layer3/layer3.0/relu_1/Relu`).

use super::OnnxNode;

/// The path of the module that a node came from.
pub(super) fn module(node: &OnnxNode) -> Option<String> {
    node.path.clone().or_else(|| spelled(node.name.rsplit_once('/')?.0))
}

/// The path of a module that somebody wrote with dots, or as nodes' names spell it.
pub(super) fn asked(name: &str) -> String {
    spelled(name).unwrap_or_default()
}

/// The modules that one is in, and itself: `layer3`, `layer3.0` and `layer3.0.relu`.
pub(super) fn around(module: &str) -> impl Iterator<Item = &str> {
    module.match_indices('.').map(|(end, _)| &module[..end]).chain([module])
}

/// Whether a module is `outer`, or inside it.
pub(super) fn is_inside(module: &str, outer: &str) -> bool {
    module.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a node's module is `first`, called again. What has weights may as well be another module of such a name.
pub(super) fn is_called_again(node: &OnnxNode, module: &str, first: &str) -> bool {
    let number = module.strip_prefix(first).and_then(|rest| rest.strip_prefix('_'));
    let is_number = number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    is_number && node.path.is_none() && !node.reads_weights
}

fn spelled(scopes: &str) -> Option<String> {
    let mut path = String::new();
    let mut container = "";
    for scope in scopes.split('/').filter(|scope| !scope.is_empty()) {
        match scope.strip_prefix(container) {
            Some(member) if member.starts_with('.') && !container.is_empty() => path.push_str(member),
            _ if path.is_empty() => path.push_str(scope),
            _ => path.extend([".", scope]),
        }
        container = scope;
    }
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nodes_spell_the_path_of_their_module() {
        let module = |name: &str| module(&OnnxNode { name: name.into(), ..OnnxNode::default() });
        assert_eq!(module("/layer3/layer3.0/conv1/Conv").as_deref(), Some("layer3.0.conv1"));
        assert_eq!(module("/features/features.1/conv/conv.0/conv.0.2/Clip").as_deref(), Some("features.1.conv.0.2"));
        assert_eq!(module("/encoder/layers/encoder_layer_0/mlp/mlp.1/Div").as_deref(), {
            Some("encoder.layers.encoder_layer_0.mlp.1")
        });
        assert_eq!(module("/conv/conv/Conv").as_deref(), Some("conv.conv"));
        assert_eq!((module("/Concat_2"), module("node_relu")), (None, None));
        for name in ["layer4.2.relu", "layer4.2/relu", "/layer4/layer4.2/relu", "layer4/layer4.2/relu/"] {
            assert_eq!(asked(name), "layer4.2.relu");
        }
    }

    #[test]
    fn modules_are_inside_each_other_by_whole_names() {
        assert!(is_inside("layer1.0.relu", "layer1.0") && is_inside("layer1", "layer1"));
        assert!(!is_inside("layer1.10", "layer1.1") && !is_inside("layer1", "layer1.0"));
        assert_eq!(around("layer1.0.relu").collect::<Vec<_>>(), ["layer1", "layer1.0", "layer1.0.relu"]);
    }
}
