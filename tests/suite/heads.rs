//! The heads of an attention: who asks, the table, the tiles, and the patch that keys and clicks move.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Position;
use seewhy::app::{Action, Asking, Command, Job, Origin, Panel, PanelKind, State, update};
use seewhy::ui;

use crate::channels::keys;
use crate::screens::approve;
use crate::support::interface::{draw, finished, press, screen, work};

/// At the heads of the last block.
fn opened(size: (u16, u16)) -> State {
    let mut state = finished(size);
    keys(&mut state, "A");
    work(&mut state);
    state
}

fn panel(state: &State) -> &seewhy::app::panel::Heads {
    let Panel::Heads(panel) = &state.panel else { panic!("{:?}", state.panel) };
    panel
}

fn code(state: &mut State, code: KeyCode) {
    if let Some(action) = state.interpret(KeyEvent::new(code, KeyModifiers::NONE)) {
        update(state, action);
    }
    work(state);
}

#[test]
fn the_heads_of_the_last_block_lie_over_the_picture_and_beside_it() {
    let state = opened((120, 36));
    let placements = draw(&state, true).1;
    let of: Vec<&Origin> = placements.iter().filter_map(|it| Some(&it.picture.key.heat.as_ref()?.of)).collect();
    assert!(
        matches!(of[..], [Origin::Head(head, 0), Origin::HeadTiles(tiles, _, 0)] if head == tiles && head.block == 1)
    );
    approve("heads_120x36", &state);
}

#[test]
fn brackets_step_through_the_blocks_and_leave_the_layer_alone() {
    let mut state = opened((120, 36));
    let layer = state.selection.layer;
    keys(&mut state, "[");
    assert!(state.agenda.tasks.iter().any(|task| matches!(&task.job, Job::Attend(key) if key.block == 0)));
    work(&mut state);
    keys(&mut state, "[");
    assert_eq!((panel(&state).block, state.selection.layer), (Some(0), layer));
    assert!(screen(&state).contains("head 0 of encoder/layers.10/attention"), "{}", screen(&state));
    keys(&mut state, "]]]");
    assert_eq!(panel(&state).block, Some(1));
}

#[test]
fn enter_lets_a_patch_ask_keys_move_it_and_escape_goes_back_step_by_step() {
    let mut state = opened((120, 36));
    code(&mut state, KeyCode::Enter);
    assert_eq!(panel(&state).asking, Asking::Patch(24), "the one in the middle");
    for (key, patch) in [("l", 25), ("j", 32), ("h", 31), ("k", 24)] {
        keys(&mut state, key);
        work(&mut state);
        assert_eq!(panel(&state).asking, Asking::Patch(patch), "{key}");
    }
    keys(&mut state, "kkkkkkk");
    work(&mut state);
    assert_eq!(panel(&state).asking, Asking::Patch(3), "no further than to the edge");
    let patch = draw(&state, true).1[0].picture.key.lines.as_ref().and_then(|lines| lines.marked);
    assert_eq!(patch, Some(3), "the patch is outlined");
    approve("heads_patch_120x36", &state);

    code(&mut state, KeyCode::Enter);
    keys(&mut state, "jj");
    assert_eq!((panel(&state).asking, panel(&state).head), (Asking::Patch(3), 2), "keys are for heads again");
    code(&mut state, KeyCode::Esc);
    assert_eq!((panel(&state).asking, panel(&state).head), (Asking::Read, 2));
    code(&mut state, KeyCode::Esc);
    assert_eq!(state.panel, Panel::None);
}

#[test]
fn a_click_on_the_picture_asks_there_and_a_click_on_a_tile_marks_its_head() {
    let mut state = opened((120, 36));
    let areas: Vec<_> = draw(&state, true).1.iter().map(|placement| placement.area).collect();
    // The model saw the middle three quarters of the picture.
    let at = |across: f32| Position { x: areas[0].x + (across * f32::from(areas[0].width)) as u16, y: areas[0].y + 1 };
    let action = ui::click(&state, at(0.2)).unwrap();
    assert!(matches!(action, Action::Ask(0)), "{action:?}");
    update(&mut state, action);
    work(&mut state);
    assert_eq!(panel(&state).asking, Asking::Patch(0));
    assert!(ui::click(&state, at(0.02)).is_none(), "the model did not see that");

    let tile = Position { x: areas[1].right() - 2, y: areas[1].y + 1 };
    let action = ui::click(&state, tile).unwrap();
    update(&mut state, action);
    assert!(panel(&state).head > 0);
    let row = ui::click(&state, Position { x: 5, y: 6 }).unwrap();
    assert!(matches!(row, Action::Pick(3)), "{row:?}");
}

#[test]
fn another_image_has_the_same_head_and_the_same_patch_asks() {
    let mut state = opened((120, 36));
    press(&mut state, &[Command::Next, Command::Next, Command::Accept, Command::Accept]);
    work(&mut state);
    let image = state.current();
    keys(&mut state, "l");
    work(&mut state);
    assert_ne!(state.current(), image);
    assert_eq!((panel(&state).head, panel(&state).asking), (2, Asking::Patch(24)));
    assert_eq!(panel(&state).shown.as_ref().map(|key| Some(key.image.id)), Some(state.current()));
}

#[test]
fn a_model_without_attention_says_so() {
    let mut state = finished((120, 36));
    let mut model = (**state.model.as_ref().unwrap()).clone();
    model.attention.clear();
    update(&mut state, Action::ModelReady(model.into()));
    work(&mut state);
    press(&mut state, &[Command::Open(PanelKind::Heads)]);
    assert_eq!(state.panel, Panel::None);
    assert!(screen(&state).contains("this model has no attention"));
}
