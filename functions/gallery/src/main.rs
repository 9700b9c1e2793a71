//! Shows people what happened to their images. Triggered by HTTPS requests to its Function URL.

use darkroom_gallery::{Access, Settings, TOKEN, router};
use darkroom_shared::lambda;

/// Lambda takes requests of 6 MB, in which a body is written in base64, a third longer than it is.
const MOST_FORM_BYTES: usize = 4_000_000;

fn main() -> Result<(), lambda::Error> {
    lambda::serve(&[TOKEN], |environment, app| {
        let access = Access::of_function(environment)?;
        let settings = Settings { access, is_https: true, sandboxed: Vec::new(), most_form_bytes: MOST_FORM_BYTES };
        Ok(router(app, settings))
    })
}
