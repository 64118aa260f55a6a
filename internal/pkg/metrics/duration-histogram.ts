import { Histogram, type HistogramConfiguration } from "prom-client";

/** Durations of one set of labels. */
export interface Durations {
  /** How many took up to each bucket's bound, and longer than the one before; the last: longer than all. */
  readonly counts: Float64Array;
  totalSeconds: number;
}

/** A histogram of durations that are counted elsewhere: prom-client looks labels up and checks them at every observation. */
export class DurationHistogram<T extends string> extends Histogram<T> {
  readonly #bounds: readonly number[];
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => Iterable<{ readonly labels: Record<T, string>; readonly durations: Durations }>;

  constructor(
    configuration: HistogramConfiguration<T> & { buckets: number[] },
    read: () => Iterable<{ readonly labels: Record<T, string>; readonly durations: Durations }>,
  ) {
    super(configuration);
    this.#bounds = configuration.buckets;
    this.#name = configuration.name;
    this.#help = configuration.help;
    this.#read = read;
  }

  newDurations(): Durations {
    return { counts: new Float64Array(this.#bounds.length + 1), totalSeconds: 0 };
  }

  add(durations: Durations, seconds: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] as number)) bucket++;
    durations.counts[bucket] = (durations.counts[bucket] ?? 0) + 1;
    durations.totalSeconds += seconds;
  }

  override async get() {
    const values = [...this.#read()].flatMap(({ labels, durations }) => {
      let count = 0;
      const buckets = [...this.#bounds, "+Inf"].map((le, i) => {
        count += durations.counts[i] ?? 0;
        return { labels: { le, ...labels }, value: count, metricName: `${this.#name}_bucket`, exemplar: undefined };
      });
      return [
        ...buckets,
        { labels, value: durations.totalSeconds, metricName: `${this.#name}_sum`, exemplar: undefined },
        { labels, value: count, metricName: `${this.#name}_count`, exemplar: undefined },
      ];
    });
    return { name: this.#name, help: this.#help, type: "histogram", values, aggregator: "sum" } as unknown as Awaited<
      ReturnType<Histogram<T>["get"]>
    >;
  }

  /** What a scrape asks for in place of `get`, of which it is a variant without copies. */
  getForPromString() {
    return this.get();
  }
}
