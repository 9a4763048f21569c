"""Dashboard of cost, savings and the quality of cheap answers."""

from typing import Final

from observability.dashboards.panels import Dashboard, Panel, rate, share

_HIT: Final = '{result="hit"}'
_UNSUPPORTED: Final = '{verdict="unsupported"}'
_MICRO: Final = "/ 1e6 * 3600"


def _checked(where: str = "") -> str:
    return f"sum(increase(switchgear_cache_checked_hits_total{where}[1d]))"


def _grounded(where: str = "") -> str:
    return f"sum by (model, by) (increase(switchgear_groundedness_checks_total{where}[1d]))"


COST_DASHBOARD: Final = Dashboard(
    "switchgear-cost",
    "Switchgear: cost and savings",
    (
        Panel(
            "Cost an hour by deployment",
            f"{rate('switchgear_cost_micro_usd_total', 'deployment')} {_MICRO}",
            "{{deployment}}",
            "currencyUSD",
        ),
        Panel(
            "Cost an hour by tenant",
            f"{rate('switchgear_cost_micro_usd_total', 'tenant')} {_MICRO}",
            "{{tenant}}",
            "currencyUSD",
        ),
        Panel(
            "Saved an hour by means",
            f"{rate('switchgear_saved_micro_usd_total', 'by')} {_MICRO}",
            "{{by}}",
            "currencyUSD",
            help="Against each tenant's baseline model at list price.",
        ),
        Panel(
            "Cost of the last 24 hours",
            "sum(increase(switchgear_cost_micro_usd_total[1d])) / 1e6",
            "USD",
            "currencyUSD",
            "stat",
        ),
        Panel(
            "Saved in the last 24 hours",
            "sum(increase(switchgear_saved_micro_usd_total[1d])) / 1e6",
            "USD",
            "currencyUSD",
            "stat",
        ),
        Panel(
            "Budget used",
            "max by (tenant, period) (switchgear_budget_used_ratio)",
            "{{tenant}} {{period}}",
            "percentunit",
            "bargauge",
        ),
        Panel("Tokens by kind", rate("switchgear_tokens_total", "kind"), "{{kind}}"),
        Panel(
            "Cache results by step",
            rate("switchgear_cache_lookups_total", "result, step"),
            "{{result}} {{step}}",
            "cps",
        ),
        Panel(
            "Cache hits by tier",
            share(
                rate("switchgear_cache_lookups_total", "tier", _HIT),
                rate("switchgear_cache_lookups_total", "tier"),
            ),
            "{{tier}}",
            "percentunit",
        ),
        Panel(
            "False cache hits found by re-checking",
            share(_checked('{verdict="different"}'), _checked()),
            "of those checked",
            "percentunit",
        ),
        Panel(
            "False cache hits, at the most",
            "switchgear:false_hit_bound",
            "upper end of the 95 % interval",
            "percentunit",
        ),
        Panel(
            "Answers that their context doesn't support",
            share(_grounded(_UNSUPPORTED), _grounded()),
            "{{model}} {{by}}",
            "percentunit",
        ),
        Panel(
            "Answers without a price",
            rate("switchgear_unpriced_total", "deployment"),
            "{{deployment}}",
            "cps",
        ),
        Panel(
            "Usage events booked",
            rate("switchgear_ledger_events_total", "result"),
            "{{result}}",
            "cps",
        ),
        Panel(
            "Usage events not booked yet",
            "sum(switchgear_ledger_lag)",
            "events",
        ),
    ),
)
