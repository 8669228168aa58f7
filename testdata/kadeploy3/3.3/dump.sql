/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.3.39-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: mysql.site.lab    Database: deploy3
-- ------------------------------------------------------
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `deploy3` /*!40100 DEFAULT CHARACTER SET utf8 */;
USE `deploy3`;
DROP TABLE IF EXISTS `environments`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `environments` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL DEFAULT '',
  `version` int(10) unsigned NOT NULL DEFAULT '0',
  `description` text,
  `author` varchar(56) NOT NULL DEFAULT '',
  `tarball` varchar(512) NOT NULL,
  `preinstall` varchar(512) NOT NULL,
  `postinstall` varchar(512) NOT NULL,
  `hypervisor` varchar(255) NOT NULL,
  `hypervisor_params` varchar(255) NOT NULL,
  `initrd` varchar(255) NOT NULL,
  `kernel` varchar(255) NOT NULL,
  `kernel_params` varchar(255) NOT NULL,
  `fdisk_type` varchar(2) DEFAULT NULL,
  `filesystem` varchar(9) DEFAULT NULL,
  `user` varchar(255) DEFAULT 'nobody',
  `allowed_users` varchar(512) NOT NULL,
  `environment_kind` varchar(10) NOT NULL,
  `visibility` varchar(8) NOT NULL,
  `demolishing_env` tinyint(1) NOT NULL DEFAULT '0',
  `multipart` tinyint(1) NOT NULL DEFAULT '0',
  `options` text,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM AUTO_INCREMENT=7 DEFAULT CHARSET=utf8;
INSERT INTO `environments` VALUES
(1,'jessie-x64-min',2016071110,'Debian Jessie (8) minimal','support-staff@lists.site.lab','server:///grid5000/images/jessie-x64-min-2016071110.tgz|tgz|cf1f7ab20b3c8a5d4e6f0a1b2c3d4e5f','','server:///grid5000/postinstalls/debian-postinst.tgz|tgz|d41d8cd98f00b204e9800998ecf8427e|site-preseed/site-post-install --net debian','','','/initrd.img','/vmlinuz','console=tty0 modprobe.blacklist=nouveau','83','ext4','deploy','','linux','public',0,0,''),
(2,'fleet',3,0x4c696e65206f6e650a4c696e652074776f,'雪 \"quoted\"','http://img.site.lab/fleet.txz|txz|\"5a1c-4f\"','','','','','/initrd.img','/vmlinuz','','83','xfs','alice','','linux','shared',1,0,NULL),
(3,'multi',1,'','','/srv/multi.fsa|fsa3|','','','','','','','','0','','bob','','other','private',0,1,'--- \npartitions: \n- id: 0\n  device: /dev/sda3\n'),
(4,'windows',7,'','','server:///srv/win.ddxz|ddxz|','','','','','','','','7','','deploy','','other','public',1,0,''),
(5,'fsa',1,'','','server:///srv/x.fsa|fsa3|','','','','','','/vmlinuz','','83','ext4','bob','','linux','private',0,0,''),
(6,'home',1,'','','local:///home/bob/home.tgz|tgz|','','','','','','/vmlinuz','','83','ext4','bob','','linux','private',0,0,'');
CREATE TABLE `log` (
  `wid` varchar(41) NOT NULL,
  `hostname` varchar(256) NOT NULL,
  `step1` varchar(45) NOT NULL,
  `step2` varchar(45) NOT NULL,
  `step3` varchar(45) NOT NULL,
  `timeout_step1` smallint(5) unsigned NOT NULL,
  `timeout_step2` smallint(5) unsigned NOT NULL,
  `timeout_step3` smallint(5) unsigned NOT NULL,
  `retry_step1` tinyint(1) unsigned NOT NULL,
  `retry_step2` tinyint(1) unsigned NOT NULL,
  `retry_step3` tinyint(1) unsigned NOT NULL,
  `start` int(10) unsigned NOT NULL,
  `step1_duration` int(10) unsigned NOT NULL,
  `step2_duration` int(10) unsigned NOT NULL,
  `step3_duration` int(10) unsigned NOT NULL,
  `env` varchar(64) NOT NULL,
  `anonymous_env` varchar(6) NOT NULL,
  `md5` varchar(35) NOT NULL,
  `success` varchar(6) NOT NULL,
  `error` varchar(255) NOT NULL,
  `user` varchar(16) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `log` VALUES ('D-0c7d','graphene-1.site.lab','SetDeploymentEnv-Untrusted-1','BroadcastEnv-Kascade-0','BootNewEnv-Kexec-0',400,300,150,1,0,0,1471500000,165,68,46,'jessie-x64-min:2016071110','false','','true','','alice');
CREATE TABLE `nodes` (
  `hostname` varchar(256) NOT NULL,
  `state` varchar(16) NOT NULL,
  `env_id` int(10) NOT NULL,
  `date` int(10) unsigned NOT NULL,
  `user` varchar(16) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `nodes` VALUES ('graphene-1.site.lab','deployed',1,1471500279,'alice');
CREATE TABLE `rights` (
  `user` varchar(30) NOT NULL,
  `node` varchar(256) NOT NULL,
  `part` varchar(50) NOT NULL
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `rights` VALUES ('alice','graphene-1.site.lab','/dev/sda3'),('alice','graphene-2.site.lab','/dev/sda3'),('bob','griffon-1.site.lab','/dev/nvme0n1p3'),('bob','graphene-3.site.lab','*'),('élise','graphene-4.site.lab','*');
-- Dump completed on 2016-08-19 12:00:00
