import { expect, test } from "vitest";
import { known } from "./fixtures";
import { findSampler, findScheduler } from "./samplerNames";

test.each([
  ["Euler a", "euler_a"],
  ["k_euler_a", "euler_a"],
  ["k_euler_ancestral", "euler_a"],
  ["euler_ancestral", "euler_a"],
  ["Euler", "euler"],
  ["DPM++ 2M", "dpm++2m"],
  ["dpmpp_2m", "dpm++2m"],
  ["k_dpmpp_2m", "dpm++2m"],
  ["DPM++ 2M SDE", "dpm++2m_sde"],
  ["dpmpp_2m_sde_gpu", "dpm++2m_sde"],
  ["DPM++ 2S a", "dpm++2s_a"],
  ["dpmpp_2s_ancestral", "dpm++2s_a"],
  ["dpm_2", "dpm2"],
  ["kdpm_2", "dpm2"],
  ["LMS", "lms"],
  ["k_lms", "lms"],
  ["LCM", "lcm"],
  ["DDIM Trailing", "ddim_trailing"],
  ["euler_ancestral_cfg_pp", "euler_a_cfg_pp"],
  ["gradient_estimation", "euler_ge"],
  ["res_multistep", "res_multistep"],
  ["ipndm_v", "ipndm_v"],
])("%s is the engine's %s", (name, sampler) => {
  expect(findSampler(name, known)).toEqual({ sampler });
});

test.each([
  ["DPM++ 2M Karras", "dpm++2m", "karras"],
  ["DPM++ 2S a Karras", "dpm++2s_a", "karras"],
  ["DPM++ 2M SDE Exponential", "dpm++2m_sde", "exponential"],
  ["Euler SGMUniform", "euler", "sgm_uniform"],
  ["Euler A AYS", "euler_a", "ays"],
  ["dpmpp_2m_karras", "dpm++2m", "karras"],
  ["dpmpp_2m_sde_k", "dpm++2m_sde", "karras"],
  ["lms_k", "lms", "karras"],
  ["DPM2 Karras", "dpm2", "karras"],
])("%s is the sampler %s with the scheduler %s", (name, sampler, scheduler) => {
  expect(findSampler(name, known)).toEqual({ sampler, scheduler });
});

test.each([
  "Restart",
  "UniPC",
  "DDIM",
  "DPM++ SDE Karras",
  "dpmpp_3m_sde",
  "PLMS",
  "Euler A Trailing",
  "",
  "karras",
])("%s is no sampler of the engine", (name) => expect(findSampler(name, known)).toEqual({}));

test.each([
  ["Karras", undefined, "karras"],
  ["normal", undefined, "discrete"],
  ["Uniform", undefined, "discrete"],
  ["Automatic", "euler_a", "discrete"],
  ["Automatic", "dpm++2m", "karras"],
  ["Automatic", "dpm++2m_sde", "exponential"],
  ["SGM Uniform", undefined, "sgm_uniform"],
  ["KL Optimal", undefined, "kl_optimal"],
  ["Align Your Steps", undefined, "ays"],
  ["Polyexponential", undefined, "exponential"],
  ["linear_quadratic", undefined, undefined],
])("the scheduler %s of %s is the engine's %s", (name, sampler, scheduler) => {
  expect(findScheduler(name, known, sampler)).toBe(scheduler);
});
