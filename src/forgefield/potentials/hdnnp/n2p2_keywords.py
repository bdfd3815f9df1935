"""The keywords of n2p2's `input.nn` (libnnp, Settings, up to version 2.3) and what they mean for a prediction."""

from __future__ import annotations

# Given once at most.
SINGLE = (
    "number_of_elements", "elements", "cutoff_type", "scale_symmetry_functions", "scale_min_short",
    "scale_max_short", "center_symmetry_functions", "scale_symmetry_functions_sigma",
    "global_hidden_layers_short", "global_nodes_short", "global_activation_short", "normalize_nodes",
    "mean_energy", "conv_energy", "conv_length", "conv_charge", "nnp_type", "nn_type", "nnp_gen",
)  # fmt: skip
# Given once for each function or element.
REPEATED = (
    "symfunction_short", "atom_energy", "element_hidden_layers_short", "element_nodes_short",
    "element_activation_short",
)  # fmt: skip
# Training and output of n2p2.
WITHOUT_EFFECT = (
    "random_seed", "test_fraction", "epochs", "use_short_forces", "energy_fraction", "force_fraction",
    "charge_fraction", "short_energy_fraction", "short_force_fraction", "short_energy_error_threshold",
    "short_force_error_threshold", "use_old_weights_short", "weights_min", "weights_max",
    "nguyen_widrow_weights_short", "precondition_weights", "main_error_metric",
    "repeated_energy_update", "updater_type", "parallel_mode", "jacobian_mode", "update_strategy",
    "memorize_symfunc_results", "force_weight", "normalize_data_set",
    # RuNNer's.
    "runner_mode", "use_short_nn", "points_in_memory", "mix_all_points", "calculate_forces",
    "calculate_stress", "energy_threshold", "bond_threshold", "fitting_unit", "optmode_short_energy",
    "optmode_short_force", "debug_mode", "analyze_error", "analyze_composition", "print_mad",
    "short_force_group", "short_energy_group", "use_systematic_weights_short",
    "joint_energy_force_update", "remove_atom_energies", "max_force", "max_energy",
)  # fmt: skip
WITHOUT_EFFECT_PREFIXES = (
    "rmse_threshold", "selection_mode", "task_batch_size_", "gradient_", "kalman_", "write_",
)  # fmt: skip
NORMALISATION = ("mean_energy", "conv_energy", "conv_length")
