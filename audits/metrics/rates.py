"""The rates of binary decisions, group by group.

Every function takes confusion counts and returns a numerator and a denominator; 0 means none of the
denominator's rows, 1 all of them. Where truth or decision is unknown, a row is left out of the rates that need it.
"""

from __future__ import annotations

from audits.metrics import Counts, Share, metric


@metric(
    source="Hardt, Price, Srebro 2016; EEOC Uniform Guidelines 1978, 29 CFR 1607.4",
    among="rows",
    good="high",
    labels=False,
    names={
        "fairlearn": "selection_rate; demographic_parity_difference (largest − smallest), demographic_parity_ratio "
        "(smallest / largest)",
        "aif360": "selection_rate; statistical_parity_difference (unprivileged − privileged), disparate_impact "
        "(unprivileged / privileged)",
        "aequitas": "pprev; pprev_disparity (group / reference; Impact Parity)",
        "clarify": "PPL; DPPL (advantaged − disadvantaged), DI (disadvantaged / advantaged)",
        "holisticai": "success_rate, frequency_matrix (its entry for the class); statistical_parity (a − b), "
        "disparate_impact (a / b)",
        "veritas": "demographic_parity (privileged − unprivileged), disparate_impact (privileged / unprivileged)",
        "ai_verify": "Disparate Impact (of each pair of groups); Equal Selection Parity (difference of counts)",
        "langfair": "PredictedPrevalenceRateParity (|first − second|, or first / second by the alphabet)",
        "dalex": "STP (group / privileged)",
    },
)
def selection_rate(counts: Counts) -> Share:
    """Share of rows decided positive: (TP + FP)/n, also where the truth is unknown."""
    positive = counts.tp + counts.fp + counts.up
    return Share(positive, positive + counts.fn + counts.tn + counts.un)


@metric(
    source="EEOC Uniform Guidelines 1978, 29 CFR 1607.16 R (passed over); SageMaker Clarify, predicted negatives",
    among="rows",
    good="low",
    labels=False,
    names={"clarify": "PNL (proportion of negative predicted labels)"},
)
def non_selection_rate(counts: Counts) -> Share:
    """Share of rows decided negative: (FN + TN)/n, also where the truth is unknown; 1 − selection rate.

    A ratio of selection rates and one of their complements are different measures: where few are selected, the
    former moves with every person, where nearly all are, the latter does.
    """
    negative = counts.fn + counts.tn + counts.un
    return Share(negative, negative + counts.tp + counts.fp + counts.up)


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equal opportunity)",
    among="actual positives",
    good="high",
    names={
        "fairlearn": "true_positive_rate, recall; equal_opportunity_difference (largest − smallest), "
        "equal_opportunity_ratio (smallest / largest), recall_score_group_min (smallest)",
        "aif360": "true_positive_rate; equal_opportunity_difference (unprivileged − privileged)",
        "aequitas": "tpr; tpr_disparity (group / reference; TPR Parity)",
        "clarify": "recall; RD (advantaged − disadvantaged)",
        "holisticai": "equal_opportunity_diff (a − b)",
        "veritas": "equal_opportunity (privileged − unprivileged)",
        "ai_verify": "True Positive Rate Parity (divides by totals of all groups)",
        "dalex": "TPR (group / privileged)",
    },
)
def true_positive_rate(counts: Counts) -> Share:
    """Share of actual positives decided positive: TP/(TP + FN)."""
    return Share(counts.tp, counts.tp + counts.fn)


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equalized odds)",
    among="actual negatives",
    good="high",
    names={
        "fairlearn": "false_positive_rate; false_positive_rate_difference (largest − smallest), "
        "false_positive_rate_ratio (smallest / largest)",
        "aif360": "false_positive_rate_difference (unprivileged − privileged), false_positive_rate_ratio",
        "aequitas": "fpr; fpr_disparity (group / reference; FPR Parity)",
        "holisticai": "false_positive_rate_diff (a − b)",
        "veritas": "fpr_parity (privileged − unprivileged)",
        "ai_verify": "False Positive Rate Parity (divides by totals of all groups)",
        "langfair": "FalsePositiveRateParity (|first − second|, or first / second by the alphabet)",
        "dalex": "FPR (group / privileged)",
    },
)
def false_positive_rate(counts: Counts) -> Share:
    """Share of actual negatives decided positive: FP/(FP + TN)."""
    return Share(counts.fp, counts.fp + counts.tn)


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equalized odds)",
    among="actual negatives",
    good="low",
    names={
        "fairlearn": "true_negative_rate; true_negative_rate_difference (largest − smallest), "
        "true_negative_rate_ratio (smallest / largest)",
        "aif360": "true_negative_rate",
        "aequitas": "tnr; tnr_disparity (group / reference; TNR Parity)",
        "clarify": "specificity; SD (disadvantaged − advantaged)",
        "veritas": "tnr_parity (privileged − unprivileged)",
        "ai_verify": "True Negative Rate Parity (divides by totals of all groups)",
    },
)
def true_negative_rate(counts: Counts) -> Share:
    """Share of actual negatives decided negative: TN/(FP + TN)."""
    return Share(counts.tn, counts.fp + counts.tn)


@metric(
    source="Hardt, Price, Srebro 2016, section 2 (equal opportunity)",
    among="actual positives",
    good="low",
    names={
        "fairlearn": "false_negative_rate; false_negative_rate_difference (largest − smallest), "
        "false_negative_rate_ratio (smallest / largest)",
        "aif360": "false_negative_rate_difference (unprivileged − privileged), false_negative_rate_ratio",
        "aequitas": "fnr; fnr_disparity (group / reference; FNR Parity)",
        "holisticai": "false_negative_rate_diff (a − b)",
        "veritas": "fnr_parity (privileged − unprivileged)",
        "ai_verify": "False Negative Rate Parity (divides by totals of all groups)",
        "langfair": "FalseNegativeRateParity (|first − second|, or first / second by the alphabet)",
    },
)
def false_negative_rate(counts: Counts) -> Share:
    """Share of actual positives decided negative: FN/(TP + FN)."""
    return Share(counts.fn, counts.tp + counts.fn)


@metric(
    source="Chouldechova 2017, section 2 (predictive parity)",
    among="predicted positives",
    good="quality",
    names={
        "fairlearn": "precision_score_group_min (smallest)",
        "aif360": "positive_predictive_value",
        "aequitas": "precision; precision_disparity (group / reference; Precision Parity)",
        "clarify": "acceptance rate, precision; DAR (advantaged − disadvantaged)",
        "veritas": "ppv_parity (privileged − unprivileged)",
        "ai_verify": "Positive Predictive Value Parity (divides by totals of all groups)",
        "dalex": "PPV (group / privileged)",
    },
)
def precision(counts: Counts) -> Share:
    """Share of those decided positive that are positive: TP/(TP + FP)."""
    return Share(counts.tp, counts.tp + counts.fp)


@metric(
    source="Berk et al. 2021, section 3 (conditional use accuracy)",
    among="predicted negatives",
    good="quality",
    names={
        "aif360": "negative_predictive_value",
        "aequitas": "npv; npv_disparity (group / reference; NPV Parity)",
        "clarify": "rejection rate; DRR (disadvantaged − advantaged)",
        "veritas": "npv_parity (privileged − unprivileged)",
        "ai_verify": "Negative Predictive Value Parity (divides by totals of all groups)",
    },
)
def negative_predictive_value(counts: Counts) -> Share:
    """Share of those decided negative that are negative: TN/(TN + FN)."""
    return Share(counts.tn, counts.tn + counts.fn)


@metric(
    source="Chouldechova 2017, section 2; Benjamini, Hochberg 1995, section 2.1 (the name)",
    among="predicted positives",
    good="error",
    names={
        "aif360": "false_discovery_rate_difference (unprivileged − privileged), false_discovery_rate_ratio",
        "aequitas": "fdr; fdr_disparity (group / reference; FDR Parity)",
        "veritas": "fdr_parity (privileged − unprivileged)",
        "ai_verify": "False Discovery Rate Parity (divides by totals of all groups)",
        "langfair": "FalseDiscoveryRateParity (|first − second|, or first / second by the alphabet)",
    },
)
def false_discovery_rate(counts: Counts) -> Share:
    """Share of those decided positive that are negative: FP/(TP + FP); 1 − precision."""
    return Share(counts.fp, counts.tp + counts.fp)


@metric(
    source="Berk et al. 2021, section 3; Saleiro et al. 2018 (Aequitas)",
    among="predicted negatives",
    good="error",
    names={
        "aif360": "false_omission_rate_difference (unprivileged − privileged), false_omission_rate_ratio",
        "aequitas": "for; for_disparity (group / reference; FOR Parity)",
        "veritas": "for_parity (privileged − unprivileged)",
        "ai_verify": "False Omission Rate Parity (divides by totals of all groups)",
        "langfair": "FalseOmissionRateParity (|first − second|, or first / second by the alphabet)",
    },
)
def false_omission_rate(counts: Counts) -> Share:
    """Share of those decided negative that are positive: FN/(TN + FN); 1 − negative predictive value."""
    return Share(counts.fn, counts.tn + counts.fn)


@metric(
    source="Berk et al. 2021, section 3 (overall accuracy)",
    among="rows with a known truth",
    good="quality",
    names={
        "fairlearn": "accuracy_score_difference (largest − smallest), accuracy_score_ratio (smallest / largest), "
        "accuracy_score_group_min",
        "aif360": "accuracy",
        "aequitas": "accuracy",
        "clarify": "accuracy; AD (advantaged − disadvantaged)",
        "holisticai": "accuracy_diff (a − b)",
        "dalex": "ACC (group / privileged)",
    },
)
def accuracy(counts: Counts) -> Share:
    """Share of rows decided as the truth is: (TP + TN)/n."""
    right = counts.tp + counts.tn
    return Share(right, right + counts.fp + counts.fn)


@metric(
    source="Berk et al. 2021, section 3 (overall accuracy); SageMaker Clarify and AI Fairness 360, error rate",
    among="rows with a known truth",
    good="error",
    names={
        "fairlearn": "zero_one_loss_difference (largest − smallest), zero_one_loss_ratio (smallest / largest), "
        "zero_one_loss_group_max",
        "aif360": "error_rate_difference (unprivileged − privileged), error_rate_ratio",
    },
)
def error_rate(counts: Counts) -> Share:
    """Share of rows decided otherwise than the truth is, the zero-one loss: (FP + FN)/n; 1 − accuracy."""
    wrong = counts.fp + counts.fn
    return Share(wrong, wrong + counts.tp + counts.tn)


@metric(
    source="Credo AI Lens, metrics for binary classification, overprediction",
    among="rows with a known truth",
    good="high",
    names={"credo": "overprediction"},
)
def overprediction_rate(counts: Counts) -> Share:
    """Share of rows decided positive that should not have been: FP/n."""
    return Share(counts.fp, counts.tp + counts.fp + counts.fn + counts.tn)


@metric(
    source="Credo AI Lens, metrics for binary classification, underprediction",
    among="rows with a known truth",
    good="low",
    names={"credo": "underprediction"},
)
def underprediction_rate(counts: Counts) -> Share:
    """Share of rows decided negative that should not have been: FN/n."""
    return Share(counts.fn, counts.tp + counts.fp + counts.fn + counts.tn)


@metric(
    source="Jaccard 1912, New Phytologist 11:37; scikit-learn, jaccard_score",
    among="actual or predicted positives",
    good="quality",
    names={"holisticai": "accuracy_matrix (its entry for the class; it is no accuracy)"},
)
def jaccard_index(counts: Counts) -> Share:
    """Share of those positive in truth or by decision that are so by both: TP/(TP + FP + FN)."""
    return Share(counts.tp, counts.tp + counts.fp + counts.fn)


@metric(
    source="Kleinberg, Mullainathan, Raghavan 2017, section 1",
    among="rows with a known truth",
    good="truth",
    decisions=False,
    names={
        "fairlearn": "selection_rate of the truth",
        "aif360": "base_rate; mean_difference (unprivileged − privileged) and disparate_impact of the labels",
        "aequitas": "prev",
        "clarify": "DPL (advantaged − disadvantaged)",
    },
)
def base_rate(counts: Counts) -> Share:
    """Share of rows that are positive in truth, whatever was decided: (TP + FN)/n."""
    positive = counts.tp + counts.fn
    return Share(positive, positive + counts.fp + counts.tn)
