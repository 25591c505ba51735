// Templates by name, for checkpoints that bring none. Each writes the turns of a known format; the
// markers are those of the models the format is named after. The beginning-of-sequence token is left
// to the tokenizer unless the format repeats it, so a template prints it only where it is needed.

extension ChatTemplate {
  /// The names `builtIn` knows, in alphabetical order.
  public static var builtInNames: [String] { builtInSources.map(\.name) }

  /// The built-in template `name`, nil when there is none.
  public static func builtIn(_ name: String) -> ChatTemplate? {
    guard let source = builtInSources.first(where: { $0.name == name })?.source else { return nil }
    return try? ChatTemplate(source: source, name: name)
  }

  private static let builtInSources: [(name: String, source: String)] = [
    ("alpaca", alpaca), ("chatml", chatML), ("gemma", gemma), ("llama2", llama2), ("llama3", llama3),
    ("mistral", mistral), ("phi3", phi3), ("plain", plain), ("vicuna", vicuna), ("zephyr", zephyr),
  ]

  /// Instructions under headings, as Stanford Alpaca and its descendants are tuned on.
  private static let alpaca = """
    {%- for message in messages -%}
      {%- if message.role == 'system' -%}
        {{- message.content ~ '\\n\\n' -}}
      {%- elif message.role == 'user' -%}
        {{- '### Instruction:\\n' ~ message.content ~ '\\n\\n' -}}
      {%- else -%}
        {{- '### Response:\\n' ~ message.content ~ '\\n\\n' -}}
      {%- endif -%}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- '### Response:\\n' -}}
    {%- endif -%}
    """

  /// Turns between `<|im_start|>` and `<|im_end|>`.
  private static let chatML = """
    {%- for message in messages -%}
      {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' -}}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- '<|im_start|>assistant\\n' -}}
    {%- endif -%}
    """

  /// Turns of user and model; what the system says goes before the first question.
  private static let gemma = """
    {%- set state = namespace(preamble='') -%}
    {%- for message in messages -%}
      {%- if message.role == 'system' -%}
        {%- set state.preamble = state.preamble ~ message.content ~ '\\n\\n' -%}
      {%- else -%}
        {{- '<start_of_turn>' ~ ('model' if message.role == 'assistant' else message.role) ~ '\\n' -}}
        {{- state.preamble ~ message.content|trim ~ '<end_of_turn>\\n' -}}
        {%- set state.preamble = '' -%}
      {%- endif -%}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- '<start_of_turn>model\\n' -}}
    {%- endif -%}
    """

  /// Instructions in `[INST]` with the system's words in `<<SYS>>` before the first one.
  private static let llama2 = """
    {%- set state = namespace(preamble='') -%}
    {%- for message in messages -%}
      {%- if message.role == 'system' -%}
        {%- set state.preamble = '<<SYS>>\\n' ~ message.content ~ '\\n<</SYS>>\\n\\n' -%}
      {%- elif message.role == 'user' -%}
        {{- (bos_token if not loop.first and loop.previtem.role == 'assistant') -}}
        {{- '[INST] ' ~ state.preamble ~ message.content|trim ~ ' [/INST]' -}}
        {%- set state.preamble = '' -%}
      {%- else -%}
        {{- ' ' ~ message.content|trim ~ ' ' ~ eos_token -}}
      {%- endif -%}
    {%- endfor -%}
    """

  /// Turns with header tokens, ended by `<|eot_id|>`.
  private static let llama3 = """
    {%- for message in messages -%}
      {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\\n\\n' -}}
      {{- message.content|trim ~ '<|eot_id|>' -}}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
    {%- endif -%}
    """

  /// Instructions in `[INST]`; what the system says goes before the first question.
  private static let mistral = """
    {%- set state = namespace(preamble='') -%}
    {%- for message in messages -%}
      {%- if message.role == 'system' -%}
        {%- set state.preamble = state.preamble ~ message.content ~ '\\n\\n' -%}
      {%- elif message.role == 'user' -%}
        {{- '[INST] ' ~ state.preamble ~ message.content ~ ' [/INST]' -}}
        {%- set state.preamble = '' -%}
      {%- else -%}
        {{- ' ' ~ message.content|trim ~ eos_token -}}
      {%- endif -%}
    {%- endfor -%}
    """

  /// Turns between `<|role|>` and `<|end|>`.
  private static let phi3 = """
    {%- for message in messages -%}
      {{- '<|' ~ message.role ~ '|>\\n' ~ message.content ~ '<|end|>\\n' -}}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- '<|assistant|>\\n' -}}
    {%- endif -%}
    """

  /// For base models, which know texts but no turns: questions and answers as a text lists them.
  private static let plain = """
    {%- for message in messages -%}
      {%- if message.role == 'system' -%}
        {{- message.content ~ '\\n\\n' -}}
      {%- elif message.role == 'user' -%}
        {{- 'Question: ' ~ message.content ~ '\\n' -}}
      {%- else -%}
        {{- 'Answer: ' ~ message.content ~ '\\n\\n' -}}
      {%- endif -%}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- 'Answer:' -}}
    {%- endif -%}
    """

  /// Lines that begin with USER and ASSISTANT.
  private static let vicuna = """
    {%- for message in messages -%}
      {%- if message.role == 'system' -%}
        {{- message.content ~ ' ' -}}
      {%- elif message.role == 'user' -%}
        {{- 'USER: ' ~ message.content ~ ' ' -}}
      {%- else -%}
        {{- 'ASSISTANT: ' ~ message.content ~ eos_token -}}
      {%- endif -%}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- 'ASSISTANT:' -}}
    {%- endif -%}
    """

  /// Turns that begin with `<|role|>` and end with the end-of-sequence token.
  private static let zephyr = """
    {%- for message in messages -%}
      {{- '<|' ~ message.role ~ '|>\\n' ~ message.content ~ eos_token ~ '\\n' -}}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
      {{- '<|assistant|>\\n' -}}
    {%- endif -%}
    """
}
