//! Grinds pictures named on standard input, for comparisons from other languages:
//! a line is `RECIPE<tab>INPUT<tab>OUTPUT`, the answer `ok`, or the code of the rejection.
//!
//! Overlays are files too. A recipe's first output is written; a recipe or a file that cannot be read ends the program.

#![allow(clippy::print_stdout, reason = "its answers are its output")]

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};

use pixmill_contract::{Limits, Recipe};
use pixmill_ops::{Mill, Overlays};

fn main() -> Result<(), Box<dyn Error>> {
    let limits = Limits::default();
    let mut mill = Mill::new(limits.clone());
    for line in stdin().lock().lines() {
        let line = line?;
        let mut fields = line.split('\t');
        let (Some(recipe), Some(input), Some(output)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err("a line is RECIPE<tab>INPUT<tab>OUTPUT".into());
        };
        let recipe: Recipe = recipe.parse()?;
        let overlay = |name: &str| Ok((name.to_owned(), std::fs::read(name)?.into()));
        let overlays = recipe.overlays().map(overlay).collect::<std::io::Result<Vec<_>>>()?;
        let overlays = Overlays::inspect(overlays, &limits).map_err(|why| why.to_string())?;
        match mill.grind(&std::fs::read(input)?, &recipe, &overlays) {
            Ok(ground) => {
                std::fs::write(output, &ground.pictures[0].bytes)?;
                println!("ok");
            }
            Err(rejection) => println!("{}", rejection.code),
        }
        stdout().flush()?;
    }
    Ok(())
}
