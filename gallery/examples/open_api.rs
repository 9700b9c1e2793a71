//! Prints the API's description: `cargo run -p darkroom-gallery --example open_api > docs/openapi.json`
#![expect(clippy::print_stdout, reason = "that is what it is for")]

fn main() -> Result<(), serde_json::Error> {
    println!("{}", darkroom_gallery::open_api().to_pretty_json()?);
    Ok(())
}
