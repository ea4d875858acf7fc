use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["cat", "dog", "house, home", "naïve café", "été"];

/// The names in a text that belongs to a model of five classes.
fn names(text: &str, suffix: &str) -> Result<Vec<String>, String> {
    parse(text, suffix, 5).map(|list| list.names)
}

#[test]
fn the_same_names_come_in_every_usual_form() {
    let forms = [
        ("txt", "cat\ndog\nhouse, home\nnaïve café\nété\n\n"),
        ("txt", "cat\n\ndog\nhouse, home\n\nnaïve café\nété"),
        ("txt", "# five\ncat\ndog\nhouse, home\nnaïve café\nété"),
        ("txt", "label\ncat\ndog\nhouse, home\nnaïve café\nété"),
        ("txt", "'cat',\n'dog',\n'house, home',\n'naïve café',\n'été'"),
        ("txt", "- cat\n- dog\n- house, home\n- naïve café\n- été\n"),
        ("txt", "('cat', 'dog', 'house, home', 'naïve café', 'été')"),
        ("txt", "0 cat\n1 dog\n2 house, home\n3 naïve café\n4 été\n"),
        ("", "0: cat\n1: dog\n2: house, home\n3: naïve café\n4: été\n"),
        ("txt", "0:cat\n1:dog\n2:house, home\n3:naïve café\n4:été\n"),
        ("txt", "0\tcat\n1\tdog\n2\thouse, home\n3\tnaïve café\n4\tété\n"),
        ("txt", "0,cat\n1,dog\n2,\"house, home\"\n3,naïve café\n4,été\n"),
        ("txt", "0, cat\n1, dog\n2, house, home\n3, naïve café\n4, été\n"),
        ("txt", "1. cat\n2. dog\n3. house, home\n4. naïve café\n5. été\n"),
        ("txt", "1 cat\n2 dog\n3 house, home\n4 naïve café\n5 été\n"),
        ("txt", "4 été\n3 naïve café\n0 cat\n2 house, home\n1 dog\n"),
        ("txt", "cat 0\ndog 1\nhouse, home 2\nnaïve café 3\nété 4\n"),
        ("txt", "index name\n0 cat\n1 dog\n2 house, home\n3 naïve café\n4 été\n"),
        ("txt", "n00000001 cat\nn00000002 dog\nn00000003 house, home\nn00000004 naïve café\nn00000005 été\n"),
        ("txt", "n00000009 1 cat\nn00000002 2 dog\nn00000003 3 house, home\nn00000004 4 naïve café\nn00000005 5 été"),
        ("txt", "n00000001\tcat\nn00000002\tdog\nn00000003\thouse, home\nn00000004\tnaïve café\nn00000005\tété\n"),
        ("csv", "cat\ndog\n\"house, home\"\nnaïve café\nété\n"),
        ("csv", "name\ncat\ndog\n\"house, home\"\nnaïve café\nété\n"),
        ("csv", "0,cat\n1,dog\n2,house, home\n3,naïve café\n4,été\n"),
        ("csv", "3,naïve café\n1,dog\n4,été\n0,cat\n2,\"house, home\""),
        ("csv", "index,name\n3,naïve café\n1,dog\n4,été\n0,cat\n2,\"house, home\""),
        ("csv", "label,id\nnaïve café,3\ndog,1\nété,4\ncat,0\n\"house, home\",2"),
        ("csv", ",Class Name,count\n0,cat,7\n1,dog,7\n2,\"house, home\",9\n3,naïve café,1\n4,été,2"),
        (
            "csv",
            "class_id;wnid;label\n1;n00000001;cat\n2;n00000002;dog\n3;n00000003;house, home\n4;n00000004;naïve café\n5;n00000005;été",
        ),
        ("tsv", "name\tindex\ncat\t0\ndog\t1\nhouse, home\t2\nnaïve café\t3\nété\t4"),
        ("txt", "id,name\n3,naïve café\n1,dog\n4,été\n0,cat\n2,\"house, home\""),
        ("json", r#"["cat", "dog", "house, home", "naïve café", "\u00e9t\u00e9"]"#),
        ("json", r#"{"1": "dog", "0": "cat", "2": "house, home", "4": "été", "3": "naïve café"}"#),
        ("json", r#"{"cat": 0, "dog": 1, "été": 4, "house, home": 2, "naïve café": 3}"#),
        (
            "json",
            r#"{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "house, home"], "3": ["n4", "naïve café"], "4": ["n5", "été"]}"#,
        ),
        (
            "json",
            r#"{"model_type": "x", "id2label": {"0": "cat", "1": "dog", "2": "house, home", "3": "naïve café", "4": "été"}, "label2id": {"x": 0}}"#,
        ),
        (
            "json",
            r#"{"info": {"year": 2017}, "categories": [{"id": 2, "name": "dog"}, {"id": 1, "name": "cat", "supercategory": "animal"},
            {"id": 3, "name": "house, home"}, {"id": 5, "name": "été"}, {"id": 4, "name": "naïve café"}]}"#,
        ),
        (
            "json",
            r#"{"0": {"name": "cat", "labels": ["x"]}, "1": {"label": "dog"}, "2": {"name": "house, home"}, "3": {"name": "naïve café"}, "4": {"id": "4", "name": "été"}}"#,
        ),
        ("json", r#"[["n1", "cat"], ["n2", "dog"], ["n3", "house, home"], ["n4", "naïve café"], ["n5", "été"]]"#),
        ("txt", "{0: 'cat',\n 1: 'dog',\n 2: 'house, home',\n 3: 'naïve café',\n 4: 'été'}"),
        (
            "py",
            "classes = [\n    'cat',  # a comment\n    \"dog\", 'house, home',\n    'na\\xefve caf\\xe9', 'été',\n]\n",
        ),
        ("txt", "{'cat': 0, 'dog': 1, 'house, home': 2, 'naïve café': 3, 'été': 4}"),
        ("yaml", "path: ../data\nnc: 5\nnames:\n  - cat\n  - dog\n  - house, home\n  - naïve café\n  - été\n"),
        (
            "yml",
            "names:\n  0: cat\n  1: dog\n  2: house, home\n  3: naïve café\n  4: été\ndownload: |\n  x = {'a': 1}\n",
        ),
        ("yaml", "names: ['cat', dog, \"house, home\", naïve café, été]"),
        ("yaml", "- cat\n- dog\n- house, home\n- naïve café\n- été\n"),
        ("yaml", "cat: 0\ndog: 1\nhouse, home: 2\nnaïve café: 3\nété: 4\n"),
        (
            "pbtxt",
            "item {\n  id: 1\n  name: 'cat'\n}\nitem {\n  name: \"/m/x\"\n  id: 2\n  display_name: \"dog\"\n}\n\
            item{id:4 name:\"naïve café\"}\nitem { id: 3, name: 'house, home' keypoints { id: 9 label: 'x' } }\n# x\nitem { id: 5 name: 'été' }",
        ),
        (
            "txt",
            "item {\n  name: \"cat\"\n}\nitem { id: 1 name: 'dog' }\nitem { id: 2 name: 'house, home' }\n\
            item { id: 3 name: 'naïve café' }\nitem { id: 4 name: 'été' }",
        ),
    ];
    for (suffix, text) in forms {
        assert_eq!(names(text, suffix).as_deref(), Ok(&NAMES.map(String::from)[..]), "{suffix}: {text}");
    }
}

#[test]
fn a_number_that_is_a_part_of_a_name_stays_there() {
    for list in [
        ["3 seater", "7up", "1, 2", "cat", "dog"],
        ["3 seater", "5 seater", "7 seater", "9 seater", "12 seater"],
        ["1 seater", "2 seater", "3 seater", "4 seater", "5 seater"],
        ["0", "1", "2", "3", "4"],
        ["3-toed sloth", "0.5 mm", "1st", "2nd", "4x4"],
        ["2 door", "4 door", "3 wheeler", "8 seater", "1 seater"],
        ["digit 0", "digit 1", "digit 2", "digit 3", "digit 4"],
        ["10 pence, coin", "20 pence, coin", "50 cents", "1 euro", "2 euros"],
        ["tench, Tinca tinca", "great white shark, white shark", "hen", "a; b", "x: y"],
        ["[unused]", "{x}", "\"quoted\" word", "item", "# hash"],
        ["name", "label", "cat", "dog", "index"],
    ] {
        assert_eq!(names(&list.join("\n"), "txt").unwrap(), list);
    }
    assert_eq!(names("0,0\n1,7\n2,2\n3,x y\n4,4", "csv").unwrap(), ["0", "7", "2", "x y", "4"]);
    assert_eq!(names(r#"{"0": 0, "1": 1, "10": 2, "2": 3, "3": 4}"#, "json").unwrap(), ["0", "1", "10", "2", "3"]);
    assert_eq!(names("{0: 7, 1: 8, 2: 9, 3: 5, 4: 6}", "txt").unwrap(), ["7", "8", "9", "5", "6"]);
}

#[test]
fn an_index_that_is_missing_or_given_twice_is_named() {
    for (suffix, text, says) in [
        ("txt", "0 cat\n1 dog\n3 bird\n4 cow\n5 hen", "no name has the index 2"),
        ("txt", "0: cat\n1: dog\n1: bird\n3: cow\n4: hen", "index 1 is given twice, to \"dog\" and to \"bird\""),
        ("csv", "id,name\n0,cat\n1,dog\n2,bird\n3,cow\n9,hen", "no name has the indices 4 to 8"),
        ("csv", "5,cat\n6,dog", "indices begin at 5"),
        ("json", r#"{"0": "tench", "2": "goldfish"}"#, "no name has the index 1"),
        ("json", r#"{"0": "tench", "0": "goldfish"}"#, "index 0 is given twice"),
        ("json", r#"{"cat": 1, "dog": 1}"#, "index 1 is given twice"),
        ("yaml", "names:\n  0: cat\n  2: dog\n", "no name has the index 1"),
        ("pbtxt", "item { id: 1 name: 'a' } item { id: 3 name: 'b' }", "no name has the index 2"),
        ("pbtxt", "item { id: 1 }", "item 1 of it has no name"),
        ("pbtxt", "item { id: 1 name: 'a'", "ends within an item"),
        ("json", "[1, 2]", "expected a list of names"),
        ("json", r#"{"a": "tench"}"#, "expected a list of names"),
        ("json", "{", "not valid JSON"),
        ("json", "[]", "expected a list of names"),
        ("yaml", "nc: 5\npath: x", "expected a list of names"),
    ] {
        let message = names(text, suffix).unwrap_err();
        assert!(message.contains(says), "{text}: {message}");
    }
}

#[test]
fn synsets_name_the_folders_too() {
    for (suffix, text) in [
        ("txt", "n01440764 tench, Tinca tinca\nn01443537 goldfish"),
        ("csv", "wnid,name\nn01440764,\"tench, Tinca tinca\"\nn01443537,goldfish"),
        ("json", r#"{"0": ["n01440764", "tench, Tinca tinca"], "1": ["n01443537", "goldfish"]}"#),
        ("json", r#"{"n01443537": "goldfish", "n01440764": "tench, Tinca tinca"}"#),
        (
            "pbtxt",
            "item { id: 1 name: 'n01440764' display_name: 'tench, Tinca tinca' }\nitem { id: 2 name: 'n01443537' display_name: 'goldfish' }",
        ),
    ] {
        let list = parse(text, suffix, 2).unwrap();
        assert_eq!(list.names, ["tench, Tinca tinca", "goldfish"], "{text}");
        assert_eq!(list.folders, ["n01440764", "n01443537"], "{text}");
    }
    let alone = parse("n01440764\nn01443537", "txt", 2).unwrap();
    assert_eq!((alone.names.len(), alone.folders.len()), (2, 0));
}

#[test]
fn an_offset_moves_the_names() {
    let list = || List::from(vec!["background".to_owned(), "cat".into(), "dog".into()]);
    let offset = |classes, offset| list().checked(classes, offset, "label").map(|list| list.names);
    assert_eq!(offset(4, 1).unwrap(), ["class 0", "background", "cat", "dog"]);
    assert_eq!(offset(2, -1).unwrap(), ["cat", "dog"]);
    assert!(
        offset(4, 0).unwrap_err().contains("background") && offset(4, 0).unwrap_err().contains("--labels-offset 1")
    );
    assert!(offset(2, 0).unwrap_err().contains("--labels-offset -1"));
    assert!(offset(3, 1).unwrap_err().contains("an offset of 1"));
    assert!(!offset(7, 0).unwrap_err().contains("background"));
    for absurd in [i64::MAX, i64::MIN + 1, -7] {
        assert!(offset(3, absurd).is_err());
    }
}

#[test]
fn a_class_is_found_by_what_people_type() {
    let names = ["tench, Tinca tinca", "Cardigan", "cardigan", "crane", "crane"].map(String::from).to_vec();
    let labels = Labels::new(names, vec![], 5);
    assert_eq!(labels.find("Tinca Tinca"), Some(0));
    assert_eq!(labels.find("cardigan"), Some(2));
    assert_eq!(labels.find("CARDIGAN"), None, "two classes differ by case only");
    assert_eq!(labels.find("crane"), None, "two classes have this name");
    assert_eq!(labels.find("3"), Some(3));
    assert_eq!(labels.find("5"), None);
    assert_eq!(Labels::new(vec![], vec![], 3).get(2), "class 2");
}

#[test]
fn folders_number_the_classes_by_their_sorted_names() {
    let folder = tempfile::tempdir().unwrap();
    let make =
        |names: &[&str]| names.iter().for_each(|name| std::fs::create_dir_all(folder.path().join(name)).unwrap());
    make(&["val/1", "val/10", "val/2", "val/.cache", "train/1", "train/10", "train/2", "train/b"]);
    std::fs::write(folder.path().join("val/notes.txt"), "").unwrap();
    assert_eq!(folders::names(&folder.path().join("val")).unwrap(), ["1", "10", "2"]);
    assert!(folders::numbered(&["1", "10", "2"].map(String::from)).unwrap().contains("sorted as text"));
    let of =
        |classes| folders::of_classes(folder.path(), classes).map(|(part, names)| (part.ends_with("val"), names.len()));
    assert_eq!((of(4), of(3)), (Some((false, 4)), Some((true, 3))));
    assert_eq!(of(2), None, "train and val are no classes");
    let read = |classes| read(folder.path(), classes).unwrap().names.len();
    assert_eq!((read(3), read(4), read(7)), (3, 4, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a file holds, it is a list or an error.
    #[test]
    fn no_text_is_too_strange(text in "[\\[\\]{}():,;'\"#|>=*&~0-3a-cé \n\t\\\\-]{0,48}") {
        for suffix in ["txt", "csv", "json", "yaml", "pbtxt"] {
            let _ = names(&text, suffix);
            let _ = names(&format!("names:{text}"), suffix);
            let _ = names(&format!("item {{ {text}"), suffix);
        }
    }
}
