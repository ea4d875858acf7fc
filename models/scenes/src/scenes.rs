//! The pictures: what stands where, in which light.

use crate::animals::{bird, deer, dog, frog, horse, ostrich, sitting_cat, sitting_dog, walking_cat};
use crate::machines::{airliner, box_truck, car, container_ship, dump_truck, fighter, hatchback, liner, sailing_boat};
use crate::render::{Ground, Ridge, Scene};
use crate::shape::{Object, Shape, matt};
use crate::vector::{rgb, v};

/// Folder (the class of the largest object), name, and how to make it.
pub const ALL: &[(&str, &str, fn() -> Scene)] = &[
    ("airplane", "airliner", airliner_in_clouds),
    ("airplane", "evening-jet", evening_jet),
    ("automobile", "red-saloon", red_saloon),
    ("automobile", "blue-hatchback", blue_hatchback),
    ("bird", "robin", robin),
    ("bird", "ostrich", running_ostrich),
    ("cat", "ginger", ginger_cat),
    ("cat", "grey-tabby", grey_tabby),
    ("deer", "stag", stag),
    ("dog", "retriever", retriever),
    ("dog", "spotted", spotted_dog),
    ("frog", "green-frog", green_frog),
    ("horse", "chestnut", chestnut),
    ("ship", "container-ship", freighter),
    ("ship", "sailing-boat", sails),
    ("truck", "box-truck", delivery),
    ("truck", "dump-truck", quarry),
    ("dog", "dog-and-cat", dog_and_cat),
    ("ship", "liner-and-airplane", liner_and_airplane),
    ("automobile", "car-at-sea", car_at_sea),
];

/// Adds a thing that no mask covers.
fn prop(scene: &mut Scene, bound: f32, parts: Vec<(crate::shape::Material, Shape)>) {
    let mut object = Object::new("", (v(0.0, 0.0, 0.0), bound));
    for (material, shape) in parts {
        object.add(material, 0.05, shape);
    }
    scene.objects.push(object);
}

fn trees(low: f32, high: f32) -> Vec<Ridge> {
    vec![
        Ridge { colour: rgb(0x7f9aa6), low: low + 0.02, high: high + 0.05, detail: 2.0 },
        Ridge { colour: rgb(0x3c5a32), low, high, detail: 14.0 },
    ]
}

fn airliner_in_clouds() -> Scene {
    let plane = airliner(rgb(0xf4f5f7), rgb(0x1f4fa0)).place(v(0.0, 0.0, 0.0), 28.0, 1.0).turn(9.0, -6.0);
    Scene {
        ground: Ground::None,
        eye: v(1.0, -3.0, 17.5),
        target: v(-0.8, -2.4, 0.0),
        view: 36.0,
        sun: v(0.6, 0.75, 0.6),
        clouds: 0.5,
        width: 384,
        height: 288,
        ..Scene::new(vec![plane])
    }
}

fn evening_jet() -> Scene {
    let plane = fighter(rgb(0x76808c)).place(v(0.0, 0.0, 0.0), 205.0, 1.0).turn(6.0, 24.0);
    Scene {
        ground: Ground::None,
        eye: v(-2.0, 2.0, 13.0),
        target: v(0.2, 1.9, 0.0),
        view: 36.0,
        sun: v(-0.7, 0.45, 0.7),
        sunlight: v(2.5, 1.7, 1.0),
        zenith: rgb(0x4a6ea8),
        horizon: rgb(0xf0c08c),
        clouds: 0.35,
        width: 320,
        height: 320,
        ..Scene::new(vec![plane])
    }
}

fn red_saloon() -> Scene {
    let it = car(rgb(0xb8141a)).place(v(0.0, 0.0, 0.6), -32.0, 1.0);
    Scene {
        ground: Ground::Road(3.6, rgb(0x6f8a44)),
        ridges: trees(0.03, 0.16),
        eye: v(1.2, 1.75, 8.6),
        target: v(0.0, 1.75, 0.4),
        view: 31.0,
        sun: v(0.6, 0.8, 0.55),
        width: 384,
        height: 288,
        ..Scene::new(vec![it])
    }
}

fn blue_hatchback() -> Scene {
    let it = hatchback(rgb(0x2a62b8)).place(v(0.0, 0.0, 0.3), -62.0, 1.0);
    Scene {
        ground: Ground::Soil(rgb(0xa8a49a), 0.1),
        ridges: vec![Ridge { colour: rgb(0x8c8078), low: 0.1, high: 0.3, detail: 5.0 }],
        eye: v(-0.8, 1.9, 7.2),
        target: v(0.0, 0.72, 0.3),
        view: 31.0,
        sun: v(-0.5, 0.8, 0.7),
        clouds: 0.7,
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn robin() -> Scene {
    let it = bird(rgb(0x6a5a44), rgb(0xc8531c), rgb(0xddd3c2)).place(v(0.0, 0.0, 0.0), 28.0, 1.0);
    let mut scene = Scene {
        ground: Ground::None,
        eye: v(0.1, 0.75, 4.0),
        target: v(0.3, 0.68, 0.0),
        view: 30.0,
        sun: v(0.6, 0.8, 0.7),
        bokeh: Some((rgb(0x5c7d3c), rgb(0xa9bd78))),
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    };
    let bark = matt(rgb(0x5a4330)).with(crate::shape::Pattern::Blotches(rgb(0x2e2118), 0.5, 0.12));
    prop(
        &mut scene,
        3.0,
        vec![
            (bark, Shape::Cone(v(-2.0, -0.2, -0.1), 0.09, v(0.2, -0.07, 0.0), 0.075)),
            (bark, Shape::Cone(v(0.2, -0.07, 0.0), 0.075, v(2.0, 0.12, 0.15), 0.05)),
            (bark, Shape::Cone(v(-0.9, -0.14, 0.0), 0.05, v(-1.3, 0.5, 0.2), 0.02)),
        ],
    );
    scene
}

fn running_ostrich() -> Scene {
    let it = ostrich().place(v(0.0, 0.0, 0.0), 12.0, 1.0);
    Scene {
        ground: Ground::Grass(rgb(0x9a8a4a), 0.09),
        ridges: vec![Ridge { colour: rgb(0x8d9a86), low: 0.03, high: 0.1, detail: 4.0 }],
        eye: v(0.6, 1.3, 7.4),
        target: v(0.85, 1.3, 0.0),
        view: 30.0,
        sun: v(0.5, 0.8, 0.7),
        clouds: 0.3,
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn ginger_cat() -> Scene {
    let it = sitting_cat(rgb(0xc9813d), rgb(0x8a4a1c), rgb(0x7fae3a)).place(v(0.0, 0.0, 0.0), -62.0, 1.0);
    Scene {
        ground: Ground::Soil(rgb(0xb89c7c), 0.02),
        eye: v(0.0, 0.85, 3.6),
        target: v(0.0, 0.5, 0.0),
        view: 20.0,
        sun: v(-0.6, 0.8, 0.8),
        bokeh: Some((rgb(0x8a8f96), rgb(0xc9c0b2))),
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn grey_tabby() -> Scene {
    let it = walking_cat(rgb(0x8f8a84), rgb(0x3a3633), rgb(0xc9b23c)).place(v(0.0, 0.0, 0.0), -46.0, 1.0);
    Scene {
        ground: Ground::Grass(rgb(0x4f7d2f), 0.05),
        eye: v(0.3, 0.75, 3.7),
        target: v(0.4, 0.58, 0.0),
        view: 24.0,
        sun: v(0.3, 0.8, 0.8),
        bokeh: Some((rgb(0x4c6e34), rgb(0x93ab66))),
        width: 352,
        height: 288,
        ..Scene::new(vec![it])
    }
}

fn stag() -> Scene {
    let it = deer(rgb(0x8f6238), true).place(v(0.0, 0.0, 0.0), -18.0, 1.0);
    Scene {
        ground: Ground::Grass(rgb(0x6d7a36), 0.08),
        ridges: vec![
            Ridge { colour: rgb(0x66805c), low: 0.16, high: 0.5, detail: 5.0 },
            Ridge { colour: rgb(0x2f4a2a), low: 0.04, high: 0.3, detail: 16.0 },
        ],
        eye: v(0.5, 1.25, 6.8),
        target: v(0.0, 1.75, 0.0),
        view: 32.0,
        sun: v(0.5, 0.75, 0.7),
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn retriever() -> Scene {
    let it = sitting_dog(rgb(0xc89a5c), rgb(0xa06e34)).place(v(0.0, 0.0, 0.0), -64.0, 1.0);
    Scene {
        ground: Ground::Grass(rgb(0x5a8a34), 0.05),
        eye: v(0.1, 0.95, 4.0),
        target: v(0.02, 0.62, 0.0),
        view: 21.0,
        sun: v(-0.5, 0.8, 0.8),
        bokeh: Some((rgb(0x57773a), rgb(0xa3b878))),
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn spotted_dog() -> Scene {
    let it = dog(rgb(0xf0e8dc), rgb(0x50321c)).place(v(0.0, 0.0, 0.0), -40.0, 1.0);
    Scene {
        ground: Ground::Soil(rgb(0xcbb184), 0.25),
        ridges: vec![Ridge { colour: rgb(0x6b8f9a), low: 0.01, high: 0.05, detail: 3.0 }],
        eye: v(0.3, 1.0, 4.6),
        target: v(0.05, 1.13, 0.0),
        view: 30.0,
        sun: v(0.5, 0.8, 0.7),
        clouds: 0.3,
        width: 352,
        height: 288,
        ..Scene::new(vec![it])
    }
}

fn green_frog() -> Scene {
    let it = frog(rgb(0x5a8c24), rgb(0xd8d89a)).place(v(0.0, 0.0, 0.0), -38.0, 1.0);
    Scene {
        ground: Ground::Soil(rgb(0x6b5138), 0.3),
        eye: v(0.1, 1.0, 3.0),
        target: v(0.0, 0.27, 0.0),
        view: 27.0,
        sun: v(0.4, 0.9, 0.5),
        bokeh: Some((rgb(0x4a4030), rgb(0x77684a))),
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn chestnut() -> Scene {
    let it = horse(rgb(0x7a3e1c), rgb(0x24150e), 0.0).place(v(0.0, 0.0, 0.0), -15.0, 1.0);
    Scene {
        ground: Ground::Grass(rgb(0x5c8a34), 0.08),
        ridges: trees(0.03, 0.17),
        eye: v(0.4, 1.45, 8.6),
        target: v(0.1, 1.95, 0.0),
        view: 28.0,
        sun: v(0.5, 0.8, 0.7),
        width: 352,
        height: 304,
        ..Scene::new(vec![it])
    }
}

fn freighter() -> Scene {
    let it = container_ship(rgb(0x1d3348)).place(v(0.0, 0.0, 0.0), -40.0, 1.0);
    Scene {
        ground: Ground::Sea(rgb(0x14405a), 0.22),
        ridges: vec![Ridge { colour: rgb(0x8ea6b6), low: 0.0, high: 0.05, detail: 3.0 }],
        eye: v(3.0, 4.2, 27.0),
        target: v(0.2, 4.6, 0.0),
        view: 38.0,
        sun: v(0.5, 0.6, 0.7),
        clouds: 0.5,
        width: 384,
        height: 288,
        ..Scene::new(vec![it])
    }
}

fn sails() -> Scene {
    let it = sailing_boat(rgb(0xf6f2e6), rgb(0xf0ece2)).place(v(0.0, 0.0, 0.0), 26.0, 1.0).turn(2.0, 7.0);
    Scene {
        ground: Ground::Sea(rgb(0x115068), 0.2),
        eye: v(-1.0, 2.4, 18.0),
        target: v(0.0, 3.0, 0.0),
        view: 30.0,
        sun: v(-0.6, 0.5, 0.5),
        sunlight: v(2.4, 2.0, 1.5),
        horizon: rgb(0xd8dde0),
        clouds: 0.35,
        width: 288,
        height: 352,
        ..Scene::new(vec![it])
    }
}

fn delivery() -> Scene {
    let it = box_truck(rgb(0xc8201c), rgb(0xf0efe8)).place(v(0.0, 0.0, 0.2), -35.0, 1.0);
    Scene {
        ground: Ground::Road(4.2, rgb(0x8c8a5a)),
        ridges: vec![Ridge { colour: rgb(0x7b8c7a), low: 0.03, high: 0.13, detail: 4.0 }],
        eye: v(1.5, 2.4, 14.5),
        target: v(0.2, 3.4, 0.0),
        view: 31.0,
        sun: v(0.6, 0.8, 0.6),
        clouds: 0.5,
        width: 352,
        height: 288,
        ..Scene::new(vec![it])
    }
}

fn quarry() -> Scene {
    let it = dump_truck(rgb(0xe0a012), rgb(0x7a6248)).place(v(0.0, 0.0, 0.0), -42.0, 1.0);
    Scene {
        ground: Ground::Soil(rgb(0xa88c66), 0.35),
        ridges: vec![Ridge { colour: rgb(0x9a7c58), low: 0.05, high: 0.4, detail: 3.0 }],
        eye: v(1.0, 2.3, 13.0),
        target: v(0.0, 1.3, 0.0),
        view: 27.0,
        sun: v(0.4, 0.8, 0.7),
        clouds: 0.2,
        width: 320,
        height: 320,
        ..Scene::new(vec![it])
    }
}

fn dog_and_cat() -> Scene {
    let left = sitting_dog(rgb(0x6a4326), rgb(0x3a2214)).place(v(-0.36, 0.0, 0.0), -50.0, 1.0);
    let right = sitting_cat(rgb(0x9a958e), rgb(0x45413d), rgb(0x9ab03a)).place(v(0.44, 0.0, 0.3), -110.0, 0.95);
    Scene {
        ground: Ground::Grass(rgb(0x5a8a34), 0.05),
        eye: v(0.0, 0.95, 4.9),
        target: v(0.0, 0.55, 0.0),
        view: 17.5,
        sun: v(-0.3, 0.8, 0.8),
        bokeh: Some((rgb(0x57773a), rgb(0xa3b878))),
        width: 352,
        height: 288,
        ..Scene::new(vec![left, right])
    }
}

fn liner_and_airplane() -> Scene {
    let ship = liner().place(v(-0.5, 0.0, 0.0), -38.0, 1.0);
    let plane = airliner(rgb(0xf2f3f5), rgb(0xb8231f)).place(v(3.2, 10.4, 0.0), 22.0, 0.95).turn(10.0, 0.0);
    Scene {
        ground: Ground::Sea(rgb(0x12465e), 0.2),
        eye: v(1.0, 4.6, 30.0),
        target: v(0.6, 5.3, 0.0),
        view: 32.0,
        sun: v(0.5, 0.6, 0.7),
        clouds: 0.25,
        width: 320,
        height: 320,
        ..Scene::new(vec![ship, plane])
    }
}

/// Made to mislead: the car of `red_saloon`, where ships are.
fn car_at_sea() -> Scene {
    let it = car(rgb(0xb8141a)).place(v(0.0, -0.55, 0.0), -20.0, 1.0).turn(3.0, 3.0);
    Scene {
        ground: Ground::Sea(rgb(0x124a66), 0.16),
        eye: v(0.8, 1.7, 10.4),
        target: v(0.0, 1.6, 0.0),
        view: 32.0,
        sun: v(0.5, 0.6, 0.6),
        clouds: 0.45,
        width: 384,
        height: 288,
        ..Scene::new(vec![it])
    }
}
