#!/usr/bin/env bash
# GRPO of the tiny policy under a curriculum: the real verl trainer, on a machine without a GPU.
#
#   DATA=folder with train.parquet and held_out.parquet   ARTEFACT=folder written by `sparft prepare`
#   OUT=where the run goes   CURRICULUM=auto (any of `sparft curricula`)   STEPS=40   SEED=1
#   BASELINE= full, selected, random or stratified, as in recipes/lib.sh     ... and any hydra override at the end
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${DATA:?set DATA}" "${ARTEFACT:?set ARTEFACT}" "${OUT:?set OUT}"
STEPS=${STEPS:-40} SEED=${SEED:-1} BASELINE=${BASELINE:-} CURRICULUM=${CURRICULUM:-auto}
case $BASELINE in
    "") ;;
    selected) CURRICULUM=uniform ;;
    # all rows too are an artefact here (select.budget=all): without a curriculum verl does not train on a CPU
    full | random | stratified) CURRICULUM=uniform ARTEFACT=$ARTEFACT-$BASELINE ;;
    *)
        echo "BASELINE must be full, selected, random or stratified (or empty: a curriculum), got '$BASELINE'" >&2
        exit 2
        ;;
esac
CHECKS=(--recipe tiny_cpu --data "$DATA" --model "$here/policy" --gpus 0 --mode "${PREFLIGHT:-stop}"
    --artefact "$ARTEFACT" --selection "${BASELINE:-selected}")
export PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}" VERL_FILE_LOGGER_PATH="$OUT/metrics.jsonl"
"${PYTHON:-python3}" -m recipes.preflight "${CHECKS[@]}"
mkdir -p "$OUT"

exec sparft train --cpu --curriculum "$CURRICULUM" \
    curriculum.artefact="$ARTEFACT" \
    curriculum.seed="$SEED" \
    algorithm.adv_estimator=grpo \
    data.train_files="$DATA/train.parquet" \
    data.val_files="$DATA/held_out.parquet" \
    data.train_batch_size=16 \
    data.max_prompt_length=160 \
    data.max_response_length=12 \
    data.seed="$SEED" \
    actor_rollout_ref.model.path="$here/policy" \
    actor_rollout_ref.actor.optim.lr=2e-4 \
    actor_rollout_ref.rollout.n=8 \
    actor_rollout_ref.rollout.seed="$SEED" \
    reward.custom_reward_function.path="$here/reward.py" \
    trainer.project_name=sparft-tiny \
    trainer.experiment_name="${BASELINE:-$CURRICULUM}-$SEED" \
    trainer.logger='[console,file]' \
    trainer.default_local_dir="$OUT" \
    trainer.validation_data_dir="$OUT/validation" \
    trainer.val_before_train=True \
    trainer.test_freq="$STEPS" \
    trainer.save_freq=10 \
    trainer.max_actor_ckpt_to_keep=2 \
    trainer.total_epochs=1000 \
    trainer.total_training_steps="$STEPS" \
    hydra.run.dir="$OUT/hydra" \
    "$@"
