import type { Refuse } from './chardev-options.js';
import { OptionError, optionError } from './option-error.js';
import type { OptionRules } from './option-rules.js';

/** An option as it was given. */
export interface GivenOption {
  /** Name without dashes; an alias is replaced by what it stands for. */
  readonly name: string;
  /** Name as it was spelled, without the first dash. */
  readonly spelled: string;
  readonly argument: string | undefined;
}

/** What a command line may consist of. */
export interface OptionGrammar {
  readonly rules: OptionRules;
  /** Short names and what they stand for. */
  readonly aliases: ReadonlyMap<string, string>;
  /**
   * Takes a word that is neither an option nor the argument of one.
   *
   * @returns the option that it stands for
   * @throws OptionError when there is none
   */
  readonly bareWord: (word: string) => GivenOption;
}

/**
 * Cuts a command line into options, checks that each is known and that nothing is asked in vain.
 *
 * @param words the arguments, without the program's name
 * @param grammar what they may be
 * @throws OptionError with one line that names the option and the way out
 */
export function scanOptions(words: readonly string[], grammar: OptionGrammar): GivenOption[] {
  const options: GivenOption[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (!word.startsWith('-')) {
      options.push(grammar.bareWord(word));
      continue;
    }
    const spelled = word.replace(/^--?/, '');
    const rule = grammar.rules.get(spelled);
    if (rule === undefined) throw new OptionError(`${word}: invalid option; see -help`);
    if (rule.use === 'refused') {
      throw new OptionError(`-${spelled}: ${rule.reason}; option -${spelled} is not supported`);
    }
    if (rule.own === true && !word.startsWith('--')) {
      throw new OptionError(`${word}: not an option of QEMU's; write --${spelled}`);
    }
    let argument: string | undefined;
    if (rule.argument) {
      argument = words[++index];
      if (argument === undefined) throw new OptionError(`${word}: requires an argument`);
      if (rule.only !== undefined && !rule.only.includes(argument)) {
        throw optionError(spelled, argument, rule.reason ?? 'not supported');
      }
    }
    const name = grammar.aliases.get(spelled) ?? spelled;
    options.push({ name, spelled: rule.own === true ? `-${spelled}` : spelled, argument });
  }
  return options;
}

/** @returns what raises an error about an option */
export function refuseOf(option: GivenOption): Refuse {
  return (message) => {
    throw optionError(option.spelled, option.argument, message);
  };
}
