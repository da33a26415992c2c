# shellcheck shell=bash
# Sourced by every run_<model>.sh, which sets `here`, MODEL and STEPS first: what to train on, how long, and what must be there.
#
#   CURRICULUM=auto         any name that `sparft curricula` lists
#   BASELINE=               instead of a curriculum: full (R1: every row of train.parquet, verl's own order), selected
#                           (the artefact's items, uniformly), random (as many random ones), stratified (as many, even
#                           in difficulty)
#   BUDGET=steps            stop after STEPS steps; tokens: at the first validation after TOKENS trained tokens, or STEPS
#   DATA ARTEFACT OUT       folders of data, of `sparft prepare`, of the run;  SEED=1  NGPUS=8  NNODES=1
#   PYTHON=python3          PREFLIGHT=warn goes on where preflight would stop
#
# For the script: WHAT (overrides) and LAUNCH (verl's command). On several nodes every folder must be shared.
# shellcheck disable=SC2034,SC2154
recipe=$(basename "$here")
root=$(cd "$here/../.." && pwd)
PYTHON=${PYTHON:-python3}
NNODES=${NNODES:-1} NGPUS=${NGPUS:-8} SEED=${SEED:-1}
DATA=$(realpath -m "${DATA:-$PWD/data/$recipe}")
ARTEFACT=$(realpath -m "${ARTEFACT:-$PWD/artefacts/$recipe}")
CURRICULUM=${CURRICULUM:-auto} BASELINE=${BASELINE:-} BUDGET=${BUDGET:-steps}
NAME=${BASELINE:-$CURRICULUM}-$(basename "$MODEL")-$SEED
OUT=$(realpath -m "${OUT:-$PWD/runs/$recipe/$NAME}")

case $BASELINE in
    "" | full | selected) ;;
    random | stratified) ARTEFACT=$ARTEFACT-$BASELINE ;;
    *)
        echo "BASELINE must be full, selected, random or stratified (or empty: a curriculum), got '$BASELINE'" >&2
        exit 2
        ;;
esac
[ -z "$BASELINE" ] || CURRICULUM=uniform
WHAT=(
    data.seed="$SEED"
    trainer.default_local_dir="$OUT"
    trainer.validation_data_dir="$OUT/validation"
    trainer.experiment_name="$NAME"
    trainer.total_training_steps="$STEPS"
    ++ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH="$OUT/metrics.jsonl"
)
CHECKS=(--recipe "$recipe" --data "$DATA" --model "$MODEL" --gpus "$NGPUS" --nodes "$NNODES" --mode "${PREFLIGHT:-stop}")
if [ "$BASELINE" != full ]; then
    WHAT+=(+curriculum="$CURRICULUM" curriculum.artefact="$ARTEFACT" curriculum.seed="$SEED")
    CHECKS+=(--artefact "$ARTEFACT" --selection "${BASELINE:-selected}")
fi

LAUNCH=("$PYTHON" -m verl.trainer.main_ppo)
case $BUDGET in
    steps) ;;
    tokens)
        : "${TOKENS:?BUDGET=tokens needs TOKENS=NUMBER, e.g. what another run used: python -m recipes.collect RUN}"
        LAUNCH=("$PYTHON" -m recipes.token_budget --run "$OUT" --tokens "$TOKENS" -- "${LAUNCH[@]}")
        ;;
    *)
        echo "BUDGET must be steps or tokens, got '$BUDGET'" >&2
        exit 2
        ;;
esac
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" VERL_FILE_LOGGER_PATH="$OUT/metrics.jsonl"
"$PYTHON" -m recipes.preflight "${CHECKS[@]}"
