//! What can happen.

use std::path::Path;
use std::sync::Arc;

use super::{ImageId, ModelSummary, Notice, PanelKind, Report, Second, Terminal};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The next image.
    Next,
    /// The previous image.
    Previous,
    /// Hold the frame at the cursor, or let the newest come again; the next image, where none are live.
    Hold,
    /// A page of images further.
    PageDown,
    /// A page of images back.
    PageUp,
    /// The first image.
    First,
    /// The last image.
    Last,
    /// Open a panel.
    Open(PanelKind),
    /// Hold the class that is explained against another.
    Against,
    /// Have the method stay beside the others, or not.
    Pin,
    /// The next order of the list.
    Sort,
    /// Mark the image, or take its mark away.
    Mark,
    /// The next image that the model gets wrong.
    NextMistake,
    /// The image before that the model gets wrong.
    PreviousMistake,
    /// Explain the n-th best class, from 0.
    Rank(usize),
    /// The layer before, nearer to the input.
    LayerBack,
    /// The layer after, nearer to the logits.
    LayerOn,
    /// The other of two models.
    SwapModels,
    /// A part of the picture, and a smaller one.
    Closer,
    /// A larger part of the picture, and all of it.
    Farther,
    /// The part to the left.
    PanLeft,
    /// The part to the right.
    PanRight,
    /// The part above.
    PanUp,
    /// The part below.
    PanDown,
    /// Image, overlay, heat map, side by side.
    CycleView,
    /// More heat.
    MoreOpacity,
    /// Less heat.
    LessOpacity,
    /// The next colour map.
    CycleColormap,
    /// What the model saw, or the whole image.
    ToggleSeen,
    /// Lines around superpixels, or none.
    ToggleOutlines,
    /// The images that excite the marked channel, or all channels of this image.
    ToggleExemplars,
    /// What takes the place of hidden superpixels: the next way; in other panels as Escape.
    NextHiding,
    /// Hide what is shown, and show what is hidden.
    Invert,
    /// Undo what was hidden or shown last.
    Undo,
    /// A smaller value of the marked parameter; the previous image beside channels.
    Less,
    /// A larger value of the marked parameter; the next image beside channels.
    More,
    /// Write the map and the overlay to files.
    Write,
    /// Copy the path to the clipboard.
    CopyPath,
    /// Close what is open, drop the filter.
    Escape,
    /// Take the row under the cursor of a panel; hide or show it, where it is a superpixel.
    Accept,
    /// Delete the last character typed.
    Erase,
    /// Delete all that was typed.
    EraseAll,
    /// Draw everything anew, pictures too.
    Redraw,
    /// Stop the process, as ^Z does.
    Suspend,
    /// Leave.
    Quit,
}

/// Whatever can change the state.
#[derive(Debug, Clone)]
pub enum Action {
    /// A key with a meaning.
    Command(Command),
    /// A character typed into a panel.
    Text(char),
    /// The n-th row of the list was clicked, counted in the filtered list.
    Select(usize),
    /// The n-th row of the open panel was clicked: it is taken, where there is something to take.
    Pick(usize),
    /// A superpixel was clicked.
    Segment(u32),
    /// A patch of the picture was clicked, which is to ask for attention.
    Ask(usize),
    /// The picture was clicked: where, in shares of the whole picture's width and height.
    Point(f32, f32),
    /// The mouse has moved over the picture, there, or away from it.
    Hover(Option<(f32, f32)>),
    /// Another program has marked an image, or taken its mark away.
    Marked {
        /// The image.
        image: ImageId,
        /// Whether it is marked from now on.
        marked: bool,
    },
    /// A change of a mark could not be kept.
    MarkLost {
        /// The image.
        image: ImageId,
        /// Whether it was to be marked.
        marked: bool,
        /// Why.
        reason: String,
    },
    /// An image was clicked.
    GoTo(ImageId),
    /// The wheel was turned by so many notches; positive is down.
    Scroll(isize),
    /// Of the images that are found next, these were marked before.
    MarkedBefore(Vec<Arc<Path>>),
    /// More images were found, in the order of the list.
    Found(Vec<Arc<Path>>),
    /// Files of images were written anew, or are gone.
    Changed(Vec<Arc<Path>>),
    /// A frame has come, or no more will, and why; with what is shown a second.
    Frame {
        /// The frame's file.
        frame: Result<Arc<Path>, String>,
        /// Frames a second.
        rate: Option<f32>,
    },
    /// The next frame is shown: [all that belongs to it](super::State::has_next_frame) is ready, its picture too.
    NextFrame,
    /// There are no more images to be found; files or folders that could not be read, as messages.
    FoundAll(Vec<String>),
    /// The model is there.
    ModelReady(Arc<ModelSummary>),
    /// A second model is there, to be held against the first; or another in the place of the second.
    SecondReady(Second),
    /// The terminal's size or abilities.
    Terminal(Terminal),
    /// Work was done.
    Report(Report),
    /// So much time has passed as [`Effect::Rest`](super::Effect::Rest) with that number asked for.
    Rested(u64),
    /// Something to be said in the status line.
    Notify(Notice),
}

impl Action {
    /// Whether the user did it.
    pub(super) fn is_users(&self) -> bool {
        matches!(
            self,
            Action::Command(_)
                | Action::Text(_)
                | Action::Select(_)
                | Action::Pick(_)
                | Action::Segment(_)
                | Action::Ask(_)
                | Action::Point(..)
                | Action::GoTo(_)
                | Action::Scroll(_)
        )
    }
}
