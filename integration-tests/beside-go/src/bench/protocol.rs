//! What the program that measures asks an engine: a request is one line of JSON, and so is its reply.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A request to an engine.
#[derive(Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub(super) enum Request {
    /// Parse these files and keep them and the data. No answer but an error.
    Load {
        /// The templates.
        files: Vec<File>,
        /// What they are executed with.
        data: serde_json::Value,
    },
    /// Load the chart in this folder and keep it. No answer but an error.
    Chart {
        /// The chart's folder.
        folder: PathBuf,
    },
    /// Execute the files once, and answer their output.
    Output,
    /// Execute the files so many times, and answer the processor's time.
    Execute {
        /// How many times.
        times: u32,
    },
    /// Parse the files so many times, and answer the processor's time.
    Parse {
        /// How many times.
        times: u32,
    },
    /// Answer the most memory that was resident.
    Peak,
}

/// A template.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct File {
    /// Its name; one that begins with `_` only defines what others include.
    pub(super) name: String,
    /// Its text.
    pub(super) text: String,
}

/// An engine's reply.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reply {
    /// The output of all files.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) output: String,
    /// The processor's time, user and system, of all threads.
    pub(super) nanoseconds: u64,
    /// The peak of resident memory.
    pub(super) kib: u64,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) error: String,
}
