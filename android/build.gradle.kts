// The app's build for developers with the Android SDK and NDK: `gradle assembleDebug` after scripts/build-android.sh.
// It has not been run where the project's tests run, which have neither; those compile the same sources with Maven
// (pom.xml).
plugins {
    id("com.android.application") version "8.13.0"
    id("org.jetbrains.kotlin.android") version "2.4.21"
}

android {
    namespace = "org.pushauthenticator.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "org.pushauthenticator.app"
        minSdk = 28
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
    }
    sourceSets.named("main") {
        java.srcDirs("src/main/kotlin", "../bindings/kotlin/src/main/kotlin", "../bindings/kotlin/src/main/generated")
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(
                getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro",
                "../bindings/kotlin/src/main/resources/META-INF/proguard/push-authenticator.pro",
            )
        }
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    implementation("com.google.zxing:core:3.5.4")
}
