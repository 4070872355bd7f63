"""Names of the fields of `cfg.json` in SAELens 0 to 6: which are read, and which have no effect on a trained SAE."""

from collections.abc import Mapping

RECIPE = "emomech_recipe"
"""Key of `metadata` with the recipe of an SAE that this package trained, see `recipe.SaeRecipe`."""
INPUTS = "emomech_inputs"
"""Key of `metadata` with hashes of the model and the texts of such a training, see `resume`."""
LIBRARIES = "emomech_libraries"
"""Key of `metadata` with the versions of the libraries of such a training."""
LEFT_OUT = "emomech_left_out"
"""Key of `metadata` with the share of massive activations, which such a training leaves out (see `models.sinks`)."""
DEAD = "num_dead_features"
"""Key of `metadata` under which SAELens records how many features were dead at the end of a training."""
OLD_NAMES: Mapping[str, str] = {
    "hook_point": "hook_name",
    "hook_point_layer": "hook_layer",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}
"""Names of SAELens 5 and older -> present names."""
UNSET: Mapping[str, tuple[object, ...]] = {
    "finetuning_scaling_factor": (None, False),
    "hook_head_index": (None,),
    "hook_head_index_out": (None,),
    "hook_name_out": (None,),
    "hf_hook_name_out": (None,),
}
"""Fields of SAEs that are not supported -> the values that say so: scaled, of one attention head, transcoders."""
READ = frozenset(
    {
        *("architecture", "activation_fn", "activation_fn_kwargs", "d_in", "d_sae", "k", "dtype"),
        *("apply_b_dec_to_input", "normalize_activations", "reshape_activations", "rescale_acts_by_decoder_norm"),
        *("hook_name", "hook_layer", "model_name", "model_from_pretrained_kwargs", "neuronpedia_id", "l0"),
        *("variance_explained", RECIPE, INPUTS, LIBRARIES, LEFT_OUT, DEAD),
        *UNSET,
    }
)
TRAINING = frozenset(
    {
        *("act_store_device", "activations_mixing_fraction", "adam_beta1", "adam_beta2", "autocast", "autocast_lm"),
        *("aux_loss_coefficient", "b_dec_init_method", "cached_activations_path", "checkpoint_path", "compile_llm"),
        *("compile_sae", "context_size", "dataset_path", "dataset_trust_remote_code", "dead_feature_estimation_method"),
        *("dead_feature_threshold", "dead_feature_window", "decoder_heuristic_init", "decoder_heuristic_init_norm"),
        *("decoder_init_norm", "decoder_orthogonal_init", "device", "disable_concat_sequences"),
        *("eval_batch_size_prompts", "eval_every_n_wandb_logs", "exclude_special_tokens", "expansion_factor"),
        *("feature_reinit_scale", "feature_sampling_method", "feature_sampling_window", "finetuning_method"),
        *("finetuning_tokens", "from_pretrained_path", "hf_hook_name", "hook_eval", "hook_point_eval"),
        *("init_encoder_as_decoder_transpose", "is_dataset_tokenized", "jumprelu_bandwidth", "jumprelu_init_threshold"),
        *("jumprelu_sparsity_loss_mode", "jumprelu_ste_to_input", "jumprelu_tanh_scale", "l0_coefficient"),
        *("l0_warm_up_steps", "l1_coefficient", "l1_warm_up_steps", "llm_compilation_mode", "llm_device"),
        *("log_activations_store_to_wandb", "log_optimizer_state_to_wandb", "log_to_wandb", "log_weights_to_wandb"),
        *("logger", "lp_norm", "lr", "lr_decay_steps", "lr_end", "lr_scheduler_name", "lr_warm_up_steps"),
        *("model_class_name", "model_kwargs", "mse_loss_normalization", "n_batches_for_norm_estimate"),
        *("n_batches_in_buffer", "n_checkpoints", "n_eval_batches", "n_eval_seqs", "n_restart_cycles", "noise_scale"),
        *("normalize_sae_decoder", "output_path", "pre_act_loss_coefficient", "prefetch_llm_batches", "prepend_bos"),
        *("resample_batches", "resume", "resume_from_checkpoint", "run_name", "sae_compilation_mode"),
        *("sae_lens_training_version", "sae_lens_version", "save_final_checkpoint"),
        *("scale_sparsity_penalty_by_decoder_norm", "seed", "seqpos_slice", "sequence_separator_token"),
        *("store_batch_size", "store_batch_size_prompts", "streaming", "target_l0", "tokens_per_buffer"),
        *("total_training_samples", "total_training_tokens", "train_batch_size", "train_batch_size_samples"),
        *("train_batch_size_tokens", "training_tokens", "use_cached_activations", "use_chat_formatting"),
        *("use_ghost_grads", "use_sparse_activations", "verbose", "wandb_entity", "wandb_id", "wandb_log_frequency"),
        *("wandb_project",),
    }
)
"""Fields of SAELens 0 to 6 that have no effect on what a trained SAE computes."""
SAME_ACTIVATIONS = frozenset(
    {
        *("center_unembed", "checkpoint_index", "checkpoint_label", "checkpoint_value", "default_padding_side"),
        *("default_prepend_bos", "device", "dtype", "fold_ln", "fold_value_biases", "hf_model", "move_to_device"),
        *(
            "n_ctx",
            "n_devices",
            "refactor_factored_attn_matrices",
            "revision",
            "tokenizer",
            "torch_dtype",
            "trust_remote_code",
        ),
    }
)
"""Options of TransformerLens that name the model or leave the residual stream and what is added to it as they are."""
DTYPES = ("float32", "float16", "bfloat16", "float64")
