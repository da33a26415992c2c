#!/usr/bin/env bash
# One run of SmolLM2-135M-Instruct under verl with a curriculum; benchmarks/pretrained/runs.py starts it.
#
#   DEVICE=cpu|gpu  MODEL=folder  DATA=folder with train.parquet, held_out.parquet  ARTEFACT=folder  OUT=the run's folder
#   CURRICULUM=uniform SEED=1 STEPS=200 PROMPTS=32 ROLLOUTS=8 PROMPT_TOKENS=512 TOKENS=256 TEST_FREQ=20 LR=1e-6
#   NGPUS=1  ROLLOUT=vllm|sglang  ... and any hydra override at the end
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${MODEL:?set MODEL}" "${DATA:?set DATA}" "${ARTEFACT:?set ARTEFACT}" "${OUT:?set OUT}"
DEVICE=${DEVICE:-gpu} PYTHON=${PYTHON:-python3} NGPUS=${NGPUS:-1} ROLLOUT=${ROLLOUT:-vllm}
CURRICULUM=${CURRICULUM:-uniform} SEED=${SEED:-1} STEPS=${STEPS:-200} PROMPTS=${PROMPTS:-32} ROLLOUTS=${ROLLOUTS:-8}
PROMPT_TOKENS=${PROMPT_TOKENS:-512} TOKENS=${TOKENS:-256} TEST_FREQ=${TEST_FREQ:-20} LR=${LR:-1e-6}
export VERL_FILE_LOGGER_PATH="$OUT/metrics.jsonl" PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUT"

case $DEVICE in
    cpu)
        WHERE=(--cpu)
        # the model's weights go to the rollout through Ray's store, 0.54 GB at once
        PLACE=(ray_kwargs.ray_init.object_store_memory=1500000000)
        ;;
    gpu)
        WHERE=()
        PLACE=(
            data.dataloader_num_workers=0
            actor_rollout_ref.actor.ppo_mini_batch_size="$PROMPTS"
            actor_rollout_ref.actor.use_dynamic_bsz=True
            actor_rollout_ref.actor.ppo_max_token_len_per_gpu=32768
            actor_rollout_ref.rollout.name="$ROLLOUT"
            actor_rollout_ref.rollout.tensor_model_parallel_size=1
            actor_rollout_ref.rollout.gpu_memory_utilization=0.4
            trainer.nnodes=1
            trainer.n_gpus_per_node="$NGPUS"
            ++ray_kwargs.ray_init.runtime_env.env_vars.VERL_FILE_LOGGER_PATH="$OUT/metrics.jsonl"
        )
        # verl's default attention needs flash-attn, which no wheel index has for every torch
        "$PYTHON" -c 'import flash_attn' 2>/dev/null || PLACE+=(
            +actor_rollout_ref.model.override_config.attn_implementation=sdpa
            actor_rollout_ref.model.use_remove_padding=False
        )
        ;;
    *)
        echo "DEVICE must be cpu or gpu, got '$DEVICE'" >&2
        exit 2
        ;;
esac

exec "$PYTHON" -m sparft_verl.cli train "${WHERE[@]}" --curriculum "$CURRICULUM" \
    curriculum.artefact="$ARTEFACT" \
    curriculum.seed="$SEED" \
    algorithm.adv_estimator=grpo \
    data.train_files="$DATA/train.parquet" \
    data.val_files="$DATA/held_out.parquet" \
    data.train_batch_size="$PROMPTS" \
    data.max_prompt_length="$PROMPT_TOKENS" \
    data.max_response_length="$TOKENS" \
    data.filter_overlong_prompts=True \
    data.seed="$SEED" \
    actor_rollout_ref.model.path="$MODEL" \
    actor_rollout_ref.actor.optim.lr="$LR" \
    actor_rollout_ref.actor.use_kl_loss=False \
    actor_rollout_ref.actor.entropy_coeff=0 \
    actor_rollout_ref.rollout.n="$ROLLOUTS" \
    actor_rollout_ref.rollout.seed="$SEED" \
    reward.custom_reward_function.path="$here/reward.py" \
    trainer.project_name=sparft-pretrained \
    trainer.experiment_name="$CURRICULUM-$SEED" \
    trainer.logger='[console,file]' \
    trainer.default_local_dir="$OUT" \
    trainer.validation_data_dir="$OUT/validation" \
    trainer.val_before_train=True \
    trainer.test_freq="$TEST_FREQ" \
    trainer.save_freq="${SAVE_FREQ:-$TEST_FREQ}" \
    trainer.max_actor_ckpt_to_keep=1 \
    trainer.total_epochs=1000 \
    trainer.total_training_steps="$STEPS" \
    hydra.run.dir="$OUT/hydra" \
    "${PLACE[@]}" \
    "$@"
