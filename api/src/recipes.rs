//! Recipes: what a text stands for, and those that the store keeps by name.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use pixmill_contract::key::RECIPES;
use pixmill_contract::operation::{Entry, OPERATIONS};
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::recipe::MAX_RECIPE_BYTES;
use pixmill_contract::{ErrorKind, Key, Recipe, RecipeFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::answer::{empty, json, with_text};
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;

/// A recipe that the store keeps.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NamedRecipe {
    /// Its name.
    name: String,
    /// What its file says of it.
    description: Option<String>,
    /// What it makes, in the text form; nothing if it cannot be read.
    recipe: Option<Recipe>,
    /// The same in the JSON form.
    json: Option<Json>,
    /// What is wrong with it, if it cannot be read.
    error: Option<String>,
}

/// All of them.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NamedRecipes {
    /// By name.
    recipes: Vec<NamedRecipe>,
}

/// A recipe to be read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unparsed {
    /// In the text form, the JSON form, or a name.
    recipe: Json,
}

/// A recipe that was read.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Parsed {
    /// In the canonical text form.
    recipe: Recipe,
    /// In the JSON form.
    json: Json,
}

/// The recipe that a text stands for: one in the text or JSON form, or the name of one in the store.
pub(crate) async fn resolve(state: &State, text: &str) -> Result<Recipe, Problem> {
    let text = text.trim();
    let recipe = if is_name(text) {
        let named = read(state, text).await?;
        match (Entry::find(OPERATIONS, text).is_some(), named) {
            (true, Some(_)) => {
                let why = format!(
                    "`{text}` is an operation and also the name of a recipe: write `{text};` for the \
                     operation"
                );
                return Err(Problem::new(Code::BadRecipe, why).and("recipe_code", "ambiguous"));
            }
            (false, Some((file, _))) => file.parse::<RecipeFile>()?.recipe,
            // The parser says what is wrong with a word that is none.
            (true | false, None) => text.parse()?,
        }
    } else {
        text.parse()?
    };
    checked(state, recipe)
}

/// The recipe that a member of a document stands for.
pub(crate) async fn resolve_value(state: &State, value: &Json) -> Result<Recipe, Problem> {
    match value.as_str() {
        Some(text) => resolve(state, text).await,
        None => checked(state, Recipe::from_json(value)?),
    }
}

/// Refuses what no worker takes on.
fn checked(state: &State, recipe: Recipe) -> Result<Recipe, Problem> {
    recipe.check_overlays()?;
    state.settings.limits.check_recipe(&recipe)?;
    Ok(recipe)
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

/// The file of a recipe, if there is one.
async fn read(state: &State, name: &str) -> Result<Option<(String, Etag)>, Problem> {
    let key = Key::recipe(name).map_err(|e| Problem::new(Code::BadParameter, e.to_string()))?;
    let object = match state.pipeline().store.get(&key, None).await {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let etag = object.meta.etag.clone();
    if object.meta.size > MAX_RECIPE_BYTES as u64 {
        return Ok(Some((String::new(), etag)));
    }
    let text = String::from_utf8_lossy(&object.bytes().await?).into_owned();
    Ok(Some((text, etag)))
}

fn view(name: &str, file: &str) -> NamedRecipe {
    let name = name.to_owned();
    match file.parse::<RecipeFile>() {
        Ok(RecipeFile { description, recipe }) => {
            let json = Some(recipe.to_json());
            NamedRecipe { name, description, recipe: Some(recipe), json, error: None }
        }
        Err(error) => {
            let error = Some(error.to_string());
            NamedRecipe { name, description: None, recipe: None, json: None, error }
        }
    }
}

/// `POST /v1/recipes/parse`.
pub(crate) async fn parse(state: Arc<State>, mut asked: Asked) -> Outcome {
    let Unparsed { recipe } = asked.document().await?;
    let recipe = resolve_value(&state, &recipe).await?;
    let json_form = recipe.to_json();
    Ok(json(StatusCode::OK, &Parsed { recipe, json: json_form }))
}

/// `GET /v1/recipes`.
pub(crate) async fn list(state: Arc<State>, _: Asked) -> Outcome {
    let mut recipes = vec![];
    let mut after = None;
    loop {
        let page = state.pipeline().store.list(RECIPES, after.as_ref()).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for listed in page {
            let name = listed.key.as_str().strip_prefix(RECIPES);
            let name =
                name.and_then(|name| name.strip_suffix(".toml")).filter(|name| is_name(name));
            let Some(name) = name else { continue };
            if let Some((file, _)) = read(&state, name).await? {
                recipes.push(view(name, &file));
            }
        }
    }
    Ok(json(StatusCode::OK, &NamedRecipes { recipes }))
}

/// `GET /v1/recipes/{name}`.
pub(crate) async fn show(state: Arc<State>, asked: Asked) -> Outcome {
    let name = asked.part("name");
    let Some((file, etag)) = read(&state, name).await? else { return Err(missing(name)) };
    let answer = json(StatusCode::OK, &view(name, &file));
    Ok(with_text(answer, ETAG, &format!("\"{}\"", etag.0)))
}

fn missing(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no recipe `{name}`"))
}

/// `PUT /v1/recipes/{name}`.
pub(crate) async fn put(state: Arc<State>, mut asked: Asked) -> Outcome {
    asked.media_type_is(&["application/toml", "text/plain", "application/json"])?;
    let is_json = asked.media_type().as_deref() == Some("application/json");
    let body = asked.whole(MAX_RECIPE_BYTES).await?;
    let not_text = |_| Problem::new(Code::BadBody, "the recipe is not UTF-8");
    let body = String::from_utf8(body).map_err(not_text)?;
    let file = file_of(&body, is_json)?;
    checked(&state, file.parse::<RecipeFile>()?.recipe)?;
    let name = asked.part("name").to_owned();
    let field = |name| asked.head.get(name).and_then(|value| value.to_str().ok());
    let condition = match (field(IF_MATCH), field(IF_NONE_MATCH)) {
        (Some(etag), _) => Condition::IfMatch(Etag::unquoted(etag)),
        (None, Some("*")) => Condition::IfAbsent,
        (None, _) => Condition::Always,
    };
    let put = Put {
        key: Key::recipe(&name).map_err(|e| Problem::new(Code::BadParameter, e.to_string()))?,
        payload: Payload::Bytes(file.clone().into_bytes()),
        media_type: "application/toml",
        condition,
        owner: None,
    };
    let etag = match state.pipeline().store.put(put).await {
        Ok(etag) => etag,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing(&name)),
        Err(error) => return Err(error.into()),
    };
    let answer = json(StatusCode::OK, &view(&name, &file));
    Ok(with_text(answer, ETAG, &format!("\"{}\"", etag.0)))
}

/// The file of what was sent: a file as it is, or a recipe put into one.
fn file_of(body: &str, is_json: bool) -> Result<String, Problem> {
    let recipe: Recipe = if is_json {
        let value: Json = serde_json::from_str(body)
            .map_err(|error| Problem::new(Code::BadBody, format!("the document: {error}")))?;
        Recipe::from_json(&value)?
    } else {
        match body.parse::<RecipeFile>() {
            Ok(_) => return Ok(body.to_owned()),
            // A file that is wrong is told of as a file, if it looks like one.
            Err(error) if body.contains('\n') || body.contains("recipe =") => {
                return Err(error.into());
            }
            Err(_) => body.trim().parse()?,
        }
    };
    // TOML's strings are written as JSON's.
    Ok(format!("recipe = {}\n", Json::from(recipe.to_string())))
}

/// `DELETE /v1/recipes/{name}`.
pub(crate) async fn delete(state: Arc<State>, asked: Asked) -> Outcome {
    let name = asked.part("name");
    if read(&state, name).await?.is_none() {
        return Err(missing(name));
    }
    let key = Key::recipe(name).map_err(|e| Problem::new(Code::BadParameter, e.to_string()))?;
    state.pipeline().store.delete(&key).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_becomes_a_file_that_reads_back() {
        for (body, is_json) in [
            ("resize:256 -> webp", false),
            ("recipe = \"resize:256 -> webp\"", false),
            ("\"resize:256 -> webp\"", true),
        ] {
            let file = file_of(body, is_json).unwrap();
            let recipe = file.parse::<RecipeFile>().unwrap().recipe;
            assert_eq!(recipe, "resize:256 -> webp".parse().unwrap(), "{body}");
        }
        let quoted = r#"composite:image="overlays/my logo.png""#;
        assert!(file_of(quoted, false).unwrap().parse::<RecipeFile>().is_ok());
        assert_eq!(file_of("resise", false).unwrap_err().code, Code::BadRecipe);
        assert_eq!(file_of("{", true).unwrap_err().code, Code::BadBody);
    }
}
