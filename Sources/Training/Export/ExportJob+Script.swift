// The script of an exported job: LoRA with PEFT under the transformers library's trainer, which torchrun spreads over
// processes and an accelerate configuration over FSDP or DeepSpeed. It masks the loss as DialogueMasker does.

extension ExportJob {
  /// `train.py`.
  static let script = #"""
    """Trains the LoRA adapter of the job beside this file: the data, and the settings in job.json.

    torchrun --nproc_per_node 2 train.py --base FOLDER

    FOLDER holds the base in the transformers library's format. Nothing is fetched from a network.
    """
    import argparse
    import json
    import os
    from pathlib import Path

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, set_seed

    HERE = Path(__file__).resolve().parent
    NOT_A_TARGET = -100


    def common_length(left, right):
        length = 0
        while length < min(len(left), len(right)) and left[length] == right[length]:
            length += 1
        return length


    class Encoder:
        """Rows as token ids and labels, the loss on answers and completions alone."""

        def __init__(self, tokenizer, ends):
            self.tokenizer = tokenizer
            self.ends = ends

        def encode(self, row):
            if "messages" in row:
                return self.dialogue(row["messages"])
            if "completion" in row:
                return [self.completion(row["prompt"], row["completion"])]
            ids = self.tokenizer(row["text"]).input_ids
            return [(ids, list(ids))]

        def plain(self, text):
            return self.tokenizer(text, add_special_tokens=False).input_ids

        def rendered(self, messages, opens_answer):
            return self.plain(self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=opens_answer))

        def dialogue(self, messages):
            """One sequence, or one for each answer where the template rewrites earlier turns."""
            sequences, ids, labels = [], [], []
            for index, message in enumerate(messages):
                if message["role"] != "assistant":
                    continue
                prompt = self.rendered(messages[:index], True)
                turn = self.rendered(messages[:index + 1], False)
                start = common_length(prompt, turn)
                if start < len(prompt) and not self.tokenizer.decode(turn).startswith(self.tokenizer.decode(prompt)):
                    raise SystemExit("the chat template opens an answer differently from how it writes the turn")
                end = max((i + 1 for i in range(start, len(turn)) if turn[i] in self.ends), default=len(turn))
                if turn[:start][:len(ids)] != ids:
                    sequences.append((ids, labels))
                    ids, labels = [], []
                labels = labels + [NOT_A_TARGET] * (start - len(ids)) + turn[start:end]
                ids = turn[:end]
            return [self.ended(*sequence) for sequence in sequences + [(ids, labels)]]

        def ended(self, ids, labels):
            if ids[-1] in self.ends or self.tokenizer.eos_token_id is None:
                return ids, labels
            return ids + [self.tokenizer.eos_token_id], labels + [self.tokenizer.eos_token_id]

        def completion(self, prompt, completion):
            whole = self.tokenizer(prompt + completion).input_ids
            if whole and whole[-1] == self.tokenizer.eos_token_id:
                whole = whole[:-1]
            start = common_length(self.tokenizer(prompt).input_ids, whole)
            return self.ended(whole, [NOT_A_TARGET] * start + whole[start:])


    def last_state(folder):
        """The last whole checkpoint in `folder`, or None; the trainer's state is what is written last of one."""
        states = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").exists()]
        return str(max(states, key=lambda path: int(path.name.split("-")[1]))) if states else None


    def examples(path, encoder, limit):
        """The examples of a file, cut to `limit` tokens; those without a target are left out."""
        made, dropped = [], 0
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                for ids, labels in encoder.encode(json.loads(line)):
                    ids, labels = ids[:limit], labels[:limit]
                    if any(label != NOT_A_TARGET for label in labels[1:]):
                        made.append({"input_ids": ids, "labels": labels})
                    else:
                        dropped += 1
        if dropped:
            print(f"{path.name}: {dropped} examples without a target in {limit} tokens left out")
        return made


    class Padding:
        """Batches of examples of different lengths, padded at the end."""

        def __init__(self, token):
            self.token = token

        def __call__(self, batch):
            length = max(len(example["input_ids"]) for example in batch)

            def padded(rows, value):
                return torch.tensor([row + [value] * (length - len(row)) for row in rows])

            return {
                "input_ids": padded([example["input_ids"] for example in batch], self.token),
                "labels": padded([example["labels"] for example in batch], NOT_A_TARGET),
                "attention_mask": padded([[1] * len(example["input_ids"]) for example in batch], 0),
            }


    def adapted(model, settings):
        last = settings["last_layers"]
        layers = model.config.num_hidden_layers
        return get_peft_model(model, LoraConfig(
            task_type="CAUSAL_LM", r=settings["rank"], lora_alpha=settings["alpha"],
            lora_dropout=settings["dropout"], use_rslora=settings["rank_stabilized"],
            target_modules=settings["targets"],
            layers_to_transform=list(range(max(0, layers - last), layers)) if last else None))


    def arguments(settings, stage, count, output, recompute):
        on_gpu = torch.cuda.is_available()
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        step = settings["micro_batch"] * settings["accumulation"] * processes
        steps = max(1, round(stage["epochs"] * count / step))
        recomputing = {
            "gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False},
        } if recompute else {}
        return TrainingArguments(
            output_dir=str(output), num_train_epochs=stage["epochs"], learning_rate=stage["learning_rate"],
            lr_scheduler_type=settings["schedule"], warmup_steps=round(settings["warm_up"] * steps),
            per_device_train_batch_size=settings["micro_batch"],
            per_device_eval_batch_size=settings["micro_batch"],
            gradient_accumulation_steps=settings["accumulation"], weight_decay=settings["weight_decay"],
            max_grad_norm=settings["gradient_clipping"], seed=settings["seed"], data_seed=settings["seed"],
            bf16=on_gpu and torch.cuda.is_bf16_supported(), use_cpu=not on_gpu,
            ddp_backend="gloo" if processes > 1 and not on_gpu else None, ddp_find_unused_parameters=False,
            logging_steps=1 if steps < 100 else 10, save_strategy="steps",
            save_steps=max(1, steps // 20), save_total_limit=2,
            report_to="none", remove_unused_columns=False, **recomputing)


    def main():
        parser = argparse.ArgumentParser(description="Train the LoRA adapter of this job.")
        parser.add_argument("--base", required=True, help="folder with the base checkpoint, not quantized")
        parser.add_argument("--output", default=str(HERE / "adapter"), help="folder for the adapter")
        parser.add_argument("--recompute", action="store_true", help="recompute activations, to save memory")
        parser.add_argument("--resume", action="store_true", help="go on from the last state saved")
        options = parser.parse_args()

        job = json.loads((HERE / "job.json").read_text(encoding="utf-8"))
        settings = job["settings"]
        set_seed(settings["seed"])
        tokenizer = AutoTokenizer.from_pretrained(options.base)
        if (HERE / "template.jinja").exists():
            tokenizer.chat_template = (HERE / "template.jinja").read_text(encoding="utf-8")
        model = AutoModelForCausalLM.from_pretrained(options.base)
        ends = model.generation_config.eos_token_id if model.generation_config else None
        ends = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.eos_token_id}
        encoder = Encoder(tokenizer, ends - {None})
        padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0

        model.config.use_cache = False
        model = adapted(model, settings)
        if options.recompute:
            model.enable_input_require_grads()
        for number, stage in enumerate(job["stages"], 1):
            train = examples(HERE / stage["train"], encoder, settings["sequence_length"])
            held_out = examples(HERE / stage["validation"], encoder, settings["sequence_length"])
            folder = Path(options.output) / f"checkpoints-{number}"
            trainer = Trainer(
                model=model, args=arguments(settings, stage, len(train), folder, options.recompute),
                train_dataset=train, eval_dataset=held_out or None, data_collator=Padding(padding))
            trainer.train(resume_from_checkpoint=last_state(folder) if options.resume else None)
            if held_out:
                loss = trainer.evaluate()["eval_loss"]
                if trainer.is_world_process_zero():
                    print(f"stage {stage['name']}: held-out loss {loss:.4f}")
        trainer.save_model(options.output)


    if __name__ == "__main__":
        main()

    """#

  /// `README.md`.
  var readme: String {
    """
    # A fine-tuning job for PyTorch

    The data and settings of a LoRA run on \(baseName), for transformers and PEFT. The data may quote patients: this
    folder is readable by its owner alone; keep it so, and delete it when the adapter is made.

    | file | what |
    |---|---|
    \(stages.indices.map { index in
      "| `\(fileName("train", index))`, `\(fileName("validation", index))` | rows to train on and to measure on |"
    }.joined(separator: "\n"))
    | `job.json` | the settings, and the stages with their epochs and learning rates |
    \(template == nil ? "" : "| `template.jinja` | the chat template the run uses |\n")| `train.py` | the run |

    Rows are `{"messages": …}` (loss on the answers), `{"prompt", "completion"}` (loss on the completion) or
    `{"text": …}` (loss on everything; long notes come in the pieces they are trained in).

    ## Running it

    Give `--base` the folder of the base in the transformers library's format, as it was before it was quantized.

        pip install torch transformers peft accelerate
        torchrun --nproc_per_node 2 train.py --base FOLDER

    Without a GPU this runs on the processors, one process each. Several machines:

        torchrun --nnodes 2 --nproc_per_node 8 --rdzv_backend c10d --rdzv_endpoint HOST:29500 train.py --base FOLDER

    A base that does not fit one GPU is spread with FSDP or DeepSpeed by a configuration of accelerate:

        accelerate config
        accelerate launch train.py --base FOLDER

    `--recompute` saves memory, `--output` names another folder than `adapter`. The state is saved twenty times a stage;
    after an interruption the same command with `--resume` goes on from the last one, in the stage it was.

    ## Afterwards

    `adapter/` holds the adapter in PEFT's format, which vLLM serves as it is. For hypnos, with the GGUF file of
    the base:

        hypnos adapter convert -m BASE.gguf adapter anesthesia.gguf
        hypnos -m BASE.gguf --adapter anesthesia.gguf

    ## What differs

    Examples are padded here, not packed, so a step takes micro_batch x accumulation x processes examples. The base is
    not quantized. Text in a message that spells a special token is read as that token by the transformers library.
    A stage does not end early: what is written is the last adapter, not the best by the held-out loss, which is only shown.

    """
  }
}
